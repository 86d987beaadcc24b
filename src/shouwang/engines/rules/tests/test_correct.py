"""Amendments in the alarm journal: nothing taken back, everything put right, with the late readings as proof."""

from datetime import timedelta
from typing import Any

import msgspec

from shouwang.engines.rules import judge, read
from shouwang.engines.rules.models import Alert
from shouwang.engines.telemetry.journal import Transition
from shouwang.kernel.models import Event

from .conftest import START, T0, Cast, Tape

LEVEL = "trial.process_limit"
PROOF = [(T0 + 5000, 95.0, "good")]


def amended(tape: Tape, point: int, *, was: int = 0, at: int = 0, until: int = 0, worst: int = 1,
            tier: int | None = None) -> Transition:
    """`was`, `at`, `until` in seconds after START; 0: none."""
    now = (worst if not until else 0) if tier is None else tier
    x = tape(LEVEL, point, "amended", now, at=at, value=95.0)
    ms: dict[str, Any] = {name: T0 + 1000 * s if s else 0 for name, s in (("was", was), ("until", until))}
    return msgspec.structs.replace(x, worst=worst, proof=PROOF, **ms)


def kinds(alert: Alert) -> list[str]:
    return [c.kind for c in read.journal(alert)]


def types() -> list[str]:
    return [t.removeprefix("rules.alert_") for t in Event.objects.order_by("id").values_list("type", flat=True)]


def test_an_alert_nobody_told_is_told_with_its_proof(cast: Cast, compiled: int, tape: Tape) -> None:
    judge.apply([amended(tape, cast.level.pk, at=5, until=60, worst=2)])
    alert = Alert.objects.get()
    assert (alert.active, alert.level, alert.raised_at, alert.cleared_at) == (
        False, "red", START + timedelta(seconds=5), START + timedelta(seconds=60))
    assert kinds(alert) == ["raised", "amended", "cleared"]
    assert read.journal(alert).get(kind="amended").data["proof"] == [[T0 + 5000, 95.0, "good"]]
    assert types() == ["raised", "cleared"]


def test_one_that_is_still_open_goes_on(cast: Cast, compiled: int, tape: Tape) -> None:
    judge.apply([amended(tape, cast.level.pk, at=5), tape(LEVEL, cast.level.pk, "cleared", 0, at=90)])
    assert (Alert.objects.get().active, kinds(Alert.objects.get())) == (False, ["raised", "amended", "cleared"])


def test_it_is_withdrawn_and_the_line_stays(cast: Cast, compiled: int, tape: Tape) -> None:
    judge.apply([tape(LEVEL, cast.level.pk, "raised", 1, at=15),
                 amended(tape, cast.level.pk, was=15, at=15, until=15, worst=0)])
    alert = Alert.objects.get()
    assert (alert.active, alert.cleared_at) == (False, START + timedelta(seconds=15))
    assert kinds(alert) == ["raised", "amended", "cleared"]
    assert read.journal(alert).get(kind="amended").data["what"] == "withdrawn"
    judge.apply([tape(LEVEL, cast.level.pk, "raised", 1, at=99)])
    assert Alert.objects.filter(active=True).count() == 1


def test_it_is_extended_and_deepened(cast: Cast, compiled: int, tape: Tape) -> None:
    judge.apply([tape(LEVEL, cast.level.pk, "raised", 1, at=5), tape(LEVEL, cast.level.pk, "cleared", 0, at=30),
                 amended(tape, cast.level.pk, was=5, at=5, until=60, worst=2)])
    alert = Alert.objects.get()
    assert (alert.cleared_at, alert.highest, alert.worst_value) == (START + timedelta(seconds=60), "red", 95.0)
    assert read.journal(alert).get(kind="amended").data["what"] == "extended"
    assert types() == ["raised", "cleared", "amended"]


def test_it_was_cleared_too_early_and_stands_again(cast: Cast, compiled: int, tape: Tape) -> None:
    judge.apply([tape(LEVEL, cast.level.pk, "raised", 1, at=5), tape(LEVEL, cast.level.pk, "cleared", 0, at=30)])
    judge.apply([amended(tape, cast.level.pk, was=5, at=5, worst=1)])
    alert = Alert.objects.get()
    assert (alert.active, alert.cleared_at) == (True, None)
    assert types() == ["raised", "cleared", "amended", "raised"]
    judge.apply([tape(LEVEL, cast.level.pk, "cleared", 0, at=90)])
    assert not Alert.objects.get().active


def test_a_replay_of_an_amendment_changes_nothing(cast: Cast, compiled: int, tape: Tape) -> None:
    told = [tape(LEVEL, cast.level.pk, "raised", 1, at=15),
            amended(tape, cast.level.pk, was=15, at=15, until=15, worst=0)]
    judge.apply(told)
    judge.Intake.objects.update(position=0)
    assert judge.apply(told) == 0
