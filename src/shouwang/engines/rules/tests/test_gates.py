"""A rule that another point switches: suppression carries its proof, and missing data suppresses nothing."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shouwang.engines.rules import checkbook, checks, judge, plan, read, tiers
from shouwang.engines.rules.checkbook import Check
from shouwang.engines.rules.kernel import Kernel
from shouwang.engines.rules.models import Alert
from shouwang.engines.rules.series import Bench, Sample
from shouwang.engines.telemetry.journal import Transition
from shouwang.engines.telemetry.plan import NO_LIMIT_HIGH, NO_LIMIT_LOW, POINT, Plan, PointUnits, SourcePlan
from shouwang.kernel.errors import ContentError
from shouwang.kernel.models import Event

from . import conftest
from .conftest import Cast, Tape

LEVEL = "trial.process_limit"


class Gated(Bench):
    """Point 1 alarms at 85; point 2 switches it off at or below 0.50."""

    def adopt(self, checks: object) -> None:
        self.version += 1
        rows = np.zeros(2, POINT)
        rows["id"], rows["digits"], rows["low"], rows["high"] = (1, 2), 2, NO_LIMIT_LOW, NO_LIMIT_HIGH
        self.plan = Plan(self.version, rows, [PointUnits("", {})] * 2, [SourcePlan("G", "gateway", "", {})])
        self.folder = Path(tempfile.mkdtemp())
        over = Check()
        over.put(tiers.H_SLOT, 85_00, 84_00)
        checkbook.write(self.folder, checkbook.bind([(0, 1, over)], ["x.r"], [(0, 2, 50, False)]))
        self.judge.adopt(self.plan, self.folder)

    def gate(self, value: float, quality: str = "good") -> None:
        self.give(Sample(self.now, round(value), quality), 2)


def told(b: Bench) -> list[tuple[str, int]]:
    return [(x.kind, x.gate) for x in b.told]


def test_while_the_plant_stands_an_alert_is_told_as_suppressed_and_released_when_it_runs() -> None:
    b = Gated([])
    b.wait_until(10_000)
    b.gate(0)
    b.play("50 91 91")
    assert told(b) == [("raised", 2)]
    assert b.told[0].proof == [(10_000, 0.0, "good")]
    b.gate(1)
    b.play("91 91")
    assert told(b)[1:] == [("released", 2)]
    assert [k for k, _ in told(b)[2:]] == []
    b.play("50")
    assert told(b)[2:] == [("cleared", 0)]


def test_an_open_alert_is_suppressed_when_the_plant_stops_and_no_alert_needs_no_word() -> None:
    b = Gated([])
    b.wait_until(10_000)
    b.gate(5)
    b.play("91 91")
    b.gate(0)
    b.play("91 50 50")
    assert told(b) == [("raised", 0), ("suppressed", 2), ("cleared", 0)]
    b.gate(5)
    assert b.play("50 50") == []


@pytest.mark.parametrize(("value", "quality"), [(0, "fault"), (0, "no_data"), (0, "calibration"), (1, "good")])
def test_only_a_usable_reading_that_says_so_suppresses(value: int, quality: str) -> None:
    b = Gated([])
    b.wait_until(10_000)
    b.gate(value, quality)
    b.play("91 91")
    assert told(b) == [("raised", 0)]


def test_a_gate_that_falls_silent_releases() -> None:
    b = Gated([])
    b.wait_until(10_000)
    b.gate(0)
    b.play("30s: 91x25")
    assert told(b) == [("raised", 2), ("released", 2)]
    assert 610_000 <= b.told[1].heard <= 640_000


def test_a_restart_keeps_who_is_suppressed() -> None:
    b = Gated([])
    b.wait_until(10_000)
    b.gate(0)
    b.play("91 91")
    raw = b.judge.dump()
    b.judge = Kernel()
    b.judge.adopt(b.plan, b.folder)
    b.judge.restore(raw)
    assert b.play("91 91") == []
    b.gate(5)
    assert [x.kind for x in b.play("91 91")] == ["released"]


RULES = conftest.RULES.replace("  guidance: {consequence", "  unless: {quantity: temperature, below: {param: cold}}\n"
                                                            "  guidance: {consequence")
PARAMS = conftest.PARAMS + 'cold: {title: 停车, unit: ℃, values: {2020-01-01: {value: 30.0, basis: 本系统默认}}}\n'


@pytest.fixture
def declared(cast: Cast, trial: Path, tmp_path: Path) -> Iterator[object]:
    def look(rules: str = RULES) -> str:
        conftest.read_anew(conftest.write_scene(tmp_path, rules, PARAMS))
        return "\n".join(checks.problems())

    yield look
    conftest.read_anew(trial)


def test_the_gate_is_the_only_such_point_of_the_subject_or_the_enterprise(cast: Cast, declared: object) -> None:
    assert declared() == ""  # type: ignore[operator]
    gate = conftest.point(cast.tank, "TT-1", "temperature", "℃", 1)
    book = checkbook.read(plan.root() / str(plan.compile_plan()))
    rows = {int(book.point[g["row"]]): (int(g["point"]), int(g["limit"]), int(g["above"])) for g in book.gates}
    assert rows == {cast.level.pk: (gate.pk, 300, 0)}  # the gate itself and 乙厂 have none
    why = {u["point"]: u["why"] for u in plan.unjudged()}
    assert "照常研判,不抑制" in why[cast.other_level.pk]


@pytest.mark.parametrize(("was", "now"), [("below: {param: cold}", "above: {param: cold}, below: {param: cold}"),
                                          (", below: {param: cold}", ""), ("param: cold", "param: cold, limit: h")])
def test_a_shape_that_cannot_be_meant_does_not_load(declared: object, was: str, now: str) -> None:
    with pytest.raises(ContentError, match="unless"):
        declared(RULES.replace(was, now))  # type: ignore[operator]


@pytest.mark.parametrize(("was", "now", "said"), [("quantity: temperature, below", "quantity: heat, below", "heat"),
                                                  ("param: cold", "param: chill", "trial.chill")])
def test_a_mistake_is_answered(declared: object, was: str, now: str, said: str) -> None:
    assert said in declared(RULES.replace(was, now))  # type: ignore[operator]


def as_gated(x: Transition, gate: int) -> Transition:
    return Transition(**{**{f: getattr(x, f) for f in x.__struct_fields__}, "gate": gate,
                         "proof": [(conftest.T0, 0.0, "good")]})


def test_a_suppressed_alert_is_in_the_journal_with_proof_and_calls_nobody_until_released(
        cast: Cast, compiled: int, tape: Tape) -> None:
    p, gate = cast.level.pk, cast.gas.pk
    judge.apply([as_gated(tape(LEVEL, p, "raised", 1, at=5), gate), tape(LEVEL, p, "upgraded", 2, at=9)])
    alert = Alert.objects.get()
    assert (alert.suppressed_by, read.isa_letter(alert), alert.highest) == ("GD-1 = 0 %LEL", "F", "red")
    assert list(Event.objects.values_list("type", flat=True)) == ["rules.alert_suppressed"]
    judge.apply([as_gated(tape(LEVEL, p, "released", 2, at=60), gate), tape(LEVEL, p, "cleared", 0, at=90)])
    alert = Alert.objects.get()
    assert (alert.suppressed_by, alert.active) == ("", False)
    assert [c.kind for c in read.journal(alert)] == ["suppressed", "upgraded", "released", "cleared"]
    assert read.journal(alert)[0].data["proof"] == [conftest.T0, 0.0, "good"]
    assert list(Event.objects.order_by("id").values_list("type", flat=True)) == [
        f"rules.alert_{k}" for k in ("suppressed", "released", "raised", "cleared")]
