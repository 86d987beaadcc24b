"""`shouwang major-hazard FILE.yaml`: is a unit a major hazard source under GB 18218-2018, and of which grade?"""

import argparse
from pathlib import Path
from typing import Any

import msgspec

from shouwang.engines.subjects.major_hazard import Grading, grade
from shouwang.kernel.errors import BadInput
from shouwang.kernel.yaml_files import read_yaml

GRADES = {1: "一级", 2: "二级", 3: "三级", 4: "四级"}


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang major-hazard`."""
    sub.add_argument("file", type=Path, help="YAML:exposed_persons_500m 与 items(name、symbol、q_t);也可含 cases 列表")
    sub.add_argument("--json", action="store_true", help="以 JSON 输出,数值为精确小数")


def run(args: argparse.Namespace) -> int:
    """Grade one case, or each of `cases`; wrong input is one clear line and status 1."""
    given = _read(args.file)
    found = [_grade(case, f"{args.file}") for case in given.get("cases") or [given]]
    if args.json:
        shown = [g.shown() for g in found]
        encoder = msgspec.json.Encoder(decimal_format="number")
        print(encoder.encode(shown if "cases" in given else shown[0]).decode())
        return 0
    for g in found:
        _tell(g)
    return 0


def _read(path: Path) -> dict[str, Any]:
    try:
        given = read_yaml(path)
    except (OSError, UnicodeDecodeError) as wrong:
        raise BadInput(f"{path}: 读不了({wrong}),请核对路径与编码(UTF-8)") from None
    if not isinstance(given, dict) or not (given.get("cases") or "items" in given):
        raise BadInput(f"{path}: 请写 exposed_persons_500m 与 items(每项 name、q_t,需要时 symbol)")
    return given


def _grade(case: Any, where: str) -> Grading:
    if not isinstance(case, dict) or "exposed_persons_500m" not in case:
        raise BadInput(f"{where}: 缺少 exposed_persons_500m(厂界外500米常住人口,没有填 0)")
    return grade(case.get("items") or [], case["exposed_persons_500m"])


def _tell(g: Grading) -> None:
    s = g.shown()
    for line in s["lines"]:
        mark = "(待核)" if line["beta_unchecked"] else ""
        print(f"{line['name']}\tq {line['q']} t\tQ {line['Q']} t [{line['Q_basis']}]\tq/Q {line['q_over_Q']}"
              f"\tβ {line['beta'] if line['beta'] is not None else '—'} [{line['beta_basis']}]{mark}")
    verdict = (
        f"构成{GRADES[g.grade]}重大危险源,R = {s['R']}(α = {s['alpha']})" if g.grade else "不构成重大危险源,不分级"
    )
    print(f"S = {s['S']}:{verdict}(GB 18218-2018)")
