"""GB 18218-2018 on the public worked examples and at every edge of its tables."""

import csv
import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shouwang.engines.subjects import major_hazard, substances
from shouwang.kernel import content
from shouwang.kernel.errors import BadInput
from shouwang.surfaces.cli import main

HERE = Path(__file__).parent
CASES = content.read_yaml(HERE / "worked_examples_public.yaml")["cases"]


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_worked_examples(case: dict[str, Any]) -> None:
    found, wanted = major_hazard.grade(case["items"], case["exposed_persons_500m"]), case["expected"]
    assert Fraction(str(wanted["S"])) == found.S
    assert found.is_major_hazard is wanted["is_major_hazard"]
    assert (None if wanted["R"] is None else Fraction(str(wanted["R"]))) == found.R
    assert found.grade == wanted.get("grade_en")
    for line, item in zip(found.lines, case["items"], strict=True):
        assert Fraction(str(item["Q_t"])) == line.Q
        assert line.beta == Fraction(str(item["beta"]))


@pytest.mark.parametrize(("persons", "alpha"), [(0, "0.5"), (1, "1"), (29, "1"), (30, "1.2"), (49, "1.2"), (50, "1.5"),
                                                (99, "1.5"), (100, "2"), (10**7, "2")])
def test_alpha_at_its_edges(persons: int, alpha: str) -> None:
    assert major_hazard.grade([{"name": "氨", "q_t": 10}], persons).alpha == Fraction(alpha)


@pytest.mark.parametrize(("q", "grade"), [
    ("99.999999", 4), ("100", 3), ("499.999999", 3), ("500", 2), ("999.999999", 2), ("1000", 1)])
def test_grade_at_its_edges(q: str, grade: int) -> None:
    """氨: Q 10, β 2; with α 0.5 R = q/10 exactly."""
    found = major_hazard.grade([{"name": "氨", "q_t": q}], 0)
    assert Fraction(q) / 10 == found.R
    assert found.grade == grade


@pytest.mark.parametrize(("q", "major"), [("49.999999", False), ("50", True), ("50.000001", True)])
def test_s_exactly_one_is_a_major_hazard(q: str, major: bool) -> None:
    found = major_hazard.grade([{"name": "苯", "q_t": q}], 0)
    assert (found.is_major_hazard, found.grade is None, found.R is None) == (major, not major, not major)


def test_ten_tenths_are_exactly_one() -> None:
    """0.3/3 ten times fails with binary floats; q from YAML as a float must not."""
    assert major_hazard.grade([{"name": "碳酰氯", "q_t": 0.03}] * 10, 0).S == 1


def test_thirds_are_exact_inside_and_near_outside() -> None:
    found = major_hazard.grade([{"name": "异氰酸甲酯", "q_t": 0.25}] * 3, 0)
    assert found.S == 1
    assert found.is_major_hazard
    assert found.shown()["lines"][0]["q_over_Q"] == pytest.approx(1 / 3)


def test_given_q_and_beta_are_not_trusted() -> None:
    found = major_hazard.grade([{"name": "氨", "q_t": 80, "Q_t": 1, "beta": 99, "q_over_Q": 80, "expected": 1}], 120)
    assert (found.S, found.R) == (8, 32)


@pytest.mark.parametrize("name", ["氨", "液氨", "氨气", " 氨 ", "ammonia", "AMMONIA"])
def test_names_and_aliases_meet(name: str) -> None:
    assert major_hazard.grade([{"name": name, "q_t": 10}], 0).lines[0].Q == 10


@pytest.mark.parametrize(
    ("name", "q"),
    [
        ("液化石油气", 50),
        ("汽油", 200),
        ("甲烷", 50),
        ("天然气", 50),
        ("硝酸铵(含可燃物≤0.2%)", 50),
        ("硝酸铵 (含可燃物≤0.2%)", 50),
        ("甲醛(含量>90%)", 5),
        ("丙烷", 50),
        ("环氧氯丙烷(3-氯-1,2-环氧丙烷)", 20),
    ],
)
def test_qualified_names_in_any_width(name: str, q: int) -> None:
    item = {"name": name, "q_t": "0.1"}
    assert q == major_hazard.grade([item], 0).lines[0].Q


@pytest.mark.parametrize("name", ["硝酸铵", "硝化棉", "甲醛", "硝化纤维素"])
def test_a_name_without_its_qualifier_is_asked_back(name: str) -> None:
    with pytest.raises(BadInput, match=f"第 1 项“{name}”.*请"):
        major_hazard.grade([{"name": name, "q_t": 1}], 0)


def test_symbol_only_items() -> None:
    found = major_hazard.grade([{"symbol": "w5.4", "q_t": 5000}], 0)
    assert (found.lines[0].Q, found.lines[0].beta, found.S) == (5000, 1, 1)


def test_several_hazards_take_the_smallest_q_and_the_largest_beta() -> None:
    found = major_hazard.grade([{"name": "某中间体", "symbol": "W5.3、J1", "q_t": 5}], 0)
    line = found.lines[0]
    assert (line.Q, line.beta) == (5, 4)
    assert "本系统默认" in line.beta_basis


def test_a_toxic_gas_outside_table_1_takes_beta_from_table_3() -> None:
    line = major_hazard.grade([{"name": "一氧化碳", "symbol": ["J3", "W2"], "q_t": 10}], 0).lines[0]
    assert (line.Q, line.beta, line.beta_basis) == (10, 2, "表3")


def test_table_1_before_the_symbol_for_q_and_the_symbol_for_beta() -> None:
    line = major_hazard.grade([{"name": "氟", "symbol": "J1", "q_t": 1}], 0).lines[0]
    assert (line.Q, line.beta) == (1, 4)


def test_mixture_adds_up() -> None:
    found = major_hazard.grade([{"name": "氯", "q_t": 2.5}, {"name": "氨", "q_t": 5}], 50)
    assert (found.S, found.R, found.grade) == (1, Fraction("1.5") * (Fraction("0.5") * 4 + Fraction("0.5") * 2), 4)


def test_beta_unknown_matters_only_when_graded() -> None:
    assert major_hazard.grade([{"name": "氟", "q_t": "0.5"}], 0).lines[0].beta is None
    with pytest.raises(BadInput, match=r"氟.*symbol"):
        major_hazard.grade([{"name": "氟", "q_t": 1}], 0)


def test_a_class_from_memory_is_marked() -> None:
    shown = major_hazard.grade([{"name": "苯", "q_t": 50}], 0).shown()["lines"][0]
    assert shown["beta_unchecked"] is True
    assert "待核" in shown["beta_basis"]


@pytest.mark.parametrize(
    "item",
    [
        {"name": "氨"},
        {"name": "氨", "q_t": None},
        {"name": "氨", "q_t": -1},
        {"name": "氨", "q_t": "NaN"},
        {"name": "氨", "q_t": "Infinity"},
        {"name": "氨", "q_t": "十吨"},
        {"name": "氨", "q_t": True},
        {"name": "氨", "q_t": "1e30"},
        {"q_t": 5},
        {"name": "", "q_t": 5},
        {"name": "仙丹", "q_t": 5},
        {"symbol": "W99", "q_t": 5},
        "氨",
        None,
    ],
)
def test_bad_items_name_themselves_and_a_remedy(item: Any) -> None:
    with pytest.raises(BadInput, match="第 2 项"):
        major_hazard.grade([{"name": "氯", "q_t": 1}, item], 0)


def test_unknown_names_get_neighbours() -> None:
    with pytest.raises(BadInput, match="液化石油气"):
        major_hazard.grade([{"name": "液化石油", "q_t": 5}], 0)


@pytest.mark.parametrize("persons", [-1, 1.5, "12", None, True])
def test_persons_must_be_a_count(persons: Any) -> None:
    with pytest.raises(BadInput, match="exposed_persons_500m"):
        major_hazard.grade([{"name": "氨", "q_t": 10}], persons)


@pytest.mark.parametrize("items", [[], None, "氨", {"name": "氨", "q_t": 10}])
def test_items_must_be_a_list(items: Any) -> None:
    with pytest.raises(BadInput, match="items"):
        major_hazard.grade(items, 0)


def test_tables_are_whole() -> None:
    assert [n.seq for n in substances.named()] == list(range(1, 86))
    assert len(substances.classes()) == 24
    assert sum(1 for _ in csv.reader((substances.FOLDER / "toxic_gases.csv").open())) == 15
    assert all(n.symbol in substances.classes() for n in substances.named() if n.symbol)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Fraction(13779, 100000), "0.13779"),
        (Fraction(8), "8"),
        (Fraction(81, 5), "16.2"),
        (Fraction(1, 8), "0.125"),
        (Fraction(0), "0"),
    ],
)
def test_finite_fractions_are_shown_exactly(number: Fraction, text: str) -> None:
    assert str(major_hazard.exact(number)) == text


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *args: str) -> tuple[int, str, str]:
    """The command as a user types it."""
    monkeypatch.setattr("sys.argv", ["shouwang", *args])
    with pytest.raises(SystemExit) as end:
        main.run()
    out = capsys.readouterr()
    return int(str(end.value.code)), out.out, out.err


def test_command_prints_exact_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "unit.yaml"
    file.write_text("exposed_persons_500m: 20\nitems:\n  - {name: 汽油(乙醇汽油、甲醇汽油), q_t: 26.64}\n"
                    "  - {name: 柴油, symbol: W5.4, q_t: 22.95}\n", "utf8")
    code, out, _ = run(capsys, monkeypatch, "major-hazard", str(file), "--json")
    assert code == 0
    given = json.loads(out, parse_float=Decimal)
    assert set(given) == {"S", "is_major_hazard", "alpha", "R", "grade", "lines"}
    assert given["S"] == Decimal("0.13779")
    assert (given["is_major_hazard"], given["alpha"], given["R"], given["grade"]) == (False, 1, None, None)


def test_command_takes_a_file_of_cases_and_speaks_chinese(capsys: pytest.CaptureFixture[str],
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    file = str(HERE / "worked_examples_public.yaml")
    code, out, _ = run(capsys, monkeypatch, "major-hazard", file, "--json")
    assert code == 0
    assert [g["grade"] for g in json.loads(out)] == [None, 3, 3, 2, 4, 4, 1, None]
    code, out, _ = run(capsys, monkeypatch, "major-hazard", file)
    assert code == 0
    assert "构成一级重大危险源,R = 100" in out


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "items: []",
        "items: [{name: 氨, q_t: 1}]",
        "a: [",
        "exposed_persons_500m: 1\nitems: [{name: 无此物, q_t: 1}]",
    ],
)
def test_command_refuses_gently(body: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(body, "utf8")
    code, out, err = run(capsys, monkeypatch, "major-hazard", str(file), "--json")
    assert (code, out) == (1, "")
    assert err.startswith("错误:")
    assert "Traceback" not in err
