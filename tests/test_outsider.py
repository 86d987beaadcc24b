"""Somebody outside the project writes a scene of 15 to 30 lines; it works without a change to our code."""

import os
import subprocess
import sys
from pathlib import Path

SCENE = {
    "scene.yaml": """\
id: dust_explosion
title: 粉尘涉爆
uses: [subjects, rules, flows, notify]
""",
    "kinds.yaml": """\
- {id: dust_collector, title: 除尘器, under: [enterprise], measured: true}
""",
    "params.yaml": """\
duct_temperature:
  title: 风管温度上限
  unit: ℃
  values:
    2022-01-01: {value: 70, basis: 条款号, mark: M}
""",
    "rules.yaml": """\
- id: duct_hot
  title: 除尘风管温度高
  quantity: temperature
  of: dust_collector
  test: {above: {param: duct_temperature}}
  hold: 10s
  level: red
""",
    "flows.yaml": "- {id: warning, title: 预警处置, like: warning}\n",
    "links.yaml": "- {like: warning_loop}\n",
}
SITUATIONS = """\
- name: 风管温度持续超限十秒才报,企业不理就叫镇街
  at: 2026-06-01 08:00
  given:
    enterprise: 甲厂
    subject: {kind: dust_collector, name: 一号除尘器}
    points: [temperature]
  steps:
    - readings: {temperature: "5s: 40 80 80 80"}
    - expect: {alert: duct_hot, level: red, matter: warning, state: handle, by: safety_manager}
    - after: 11m
    - called: town_duty
    - why: {of: flows.escalated, goes: [rules.alert_raised, flows.opened, flows.escalated]}
- name: 只热五秒不报
  at: 2026-06-01 08:00
  given:
    enterprise: 甲厂
    subject: {kind: dust_collector, name: 一号除尘器}
    points: [temperature]
  steps:
    - readings: {temperature: "5s: 40 80 69.9 40"}
    - quiet: duct_hot
"""


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SHOUWANG_DATA": str(folder / "data")}
    return subprocess.run([sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True,
                          timeout=120, check=False)


def test_a_scene_of_thirty_lines_outside_the_tree(tmp_path):
    folder = tmp_path / "dust_explosion"
    (folder / "tests").mkdir(parents=True)
    for name, text in SCENE.items():
        (folder / name).write_text(text, "utf8")
    assert 15 <= sum(len(t.splitlines()) for t in SCENE.values()) <= 30
    (folder / "tests" / "duct.yaml").write_text(SITUATIONS, "utf8")
    checked = run(tmp_path, "shouwang", "check", str(folder))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", str(folder))
    assert "2 passed" in tested.stdout, tested.stdout + tested.stderr


def test_the_skeleton_passes_its_own_check_and_situations(tmp_path):
    made = run(tmp_path, "shouwang", "new", "scene", "cold_store")
    assert made.returncode == 0, made.stderr
    checked = run(tmp_path, "shouwang", "check", "cold_store")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "cold_store")
    assert "2 passed" in tested.stdout, tested.stdout + tested.stderr


def test_a_mistake_is_answered_with_file_item_and_remedy(tmp_path):
    folder = tmp_path / "dust_explosion"
    folder.mkdir()
    for name, text in SCENE.items():
        (folder / name).write_text(text.replace("quantity: temperature", "quantity: heat"), "utf8")
    told = run(tmp_path, "shouwang", "check", str(folder))
    assert told.returncode == 1
    assert "duct_hot" in told.stdout
    assert "heat" in told.stdout
