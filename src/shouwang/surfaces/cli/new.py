"""`shouwang new scene ID`: the skeleton of a scene, complete enough to pass `check` and its own situation."""

import argparse
import re
from pathlib import Path

from shouwang.kernel.errors import BadInput

SKELETON = {
    "scene.yaml": """\
id: {id}
title: {id}
title_en: {id}
uses: [subjects, rules, flows, notify]
quality: bronze
""",
    "kinds.yaml": """\
- {{id: {id}_equipment, title: 设备, title_en: Equipment, under: [enterprise], measured: true}}
""",
    "params.yaml": """\
high_temperature:
  title: 温度上限
  title_en: Temperature limit
  unit: ℃
  values:
    2026-01-01: {{value: 70, basis: 写明标准和条款号, mark: M}}
""",
    "rules.yaml": """\
- id: too_hot
  title: 温度高
  title_en: Too hot
  quantity: temperature
  of: {id}_equipment
  test: {{above: {{param: high_temperature}}}}
  hold: 10s
  level: red
""",
    "flows.yaml": """\
- {{id: warning, title: 预警处置, title_en: Warning, like: warning}}
""",
    "links.yaml": """\
- {{like: warning_loop}}
""",
    "tests/first.yaml": """\
- name: 超限持续十秒才报,随即派给企业
  at: 2026-06-01 08:00
  given:
    enterprise: 甲厂
    subject: {{kind: {id}_equipment, name: 一号机}}
    points: [temperature]
  steps:
    - readings: {{temperature: "5s: 40 80 80 80"}}
    - expect: {{alert: too_hot, level: red, matter: warning, state: handle, by: safety_manager}}
- name: 不到限值不报
  at: 2026-06-01 08:00
  given:
    enterprise: 甲厂
    subject: {{kind: {id}_equipment, name: 一号机}}
    points: [temperature]
  steps:
    - readings: {{temperature: "5s: 40 69.9x5"}}
    - quiet: too_hot
""",
}


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang new`."""
    sub.add_argument("what", choices=["scene"])
    sub.add_argument("id", help="英文小写加下划线,如 dust_explosion")
    sub.add_argument("--into", type=Path, default=Path(), help="放在哪个文件夹下(默认当前)")


def run(args: argparse.Namespace) -> int:
    """Write the folder and say what to do next."""
    folder = write(args.into, args.id)
    print(f"已生成 {folder}/。改好后运行:shouwang check {folder} && pytest {folder}")
    return 0


def write(into: Path, scene: str) -> Path:
    """The skeleton under `into/scene`; an existing folder is refused."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,38}", scene):
        raise BadInput(f"场景 id 应是英文小写、数字和下划线,如 dust_explosion,而不是 {scene!r}")
    folder = into / scene
    if folder.exists():
        raise BadInput(f"{folder} 已经存在;请换一个 id 或先移走它")
    for name, text in SKELETON.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(id=scene), "utf8")
    return folder
