"""The generated past: what the curves show the rules found, and what they found people answered, in order."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from shouwang.demo import diary, instruments, past
from shouwang.demo.city import Seeded
from shouwang.engines.flows.models import Matter
from shouwang.engines.rules.models import Alert, AlertChange
from shouwang.engines.telemetry import history
from shouwang.kernel import clock
from shouwang.kernel.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(small: Seeded, data: Path) -> past.Told:
    return past.generate(instruments.load("3708"), clock.now_ms(), days=4, watched=60, warnings=25, data=data)


def test_every_point_has_a_day_and_the_watched_ones_more(told: past.Told, data: Path) -> None:
    watched = len(past.choose(instruments.load("3708"), 60, np.random.default_rng(1)))
    assert told.readings == watched * (4 * 288 + 1) + (300 - watched) * 288
    assert len(history.days(data / "history")) in (5, 6)


def test_what_the_rules_found_lies_in_the_past_and_is_over(told: past.Told) -> None:
    now = clock.now_ms()
    open_: set[tuple[str, int]] = set()
    raised = 0
    for x in told.transitions:
        assert x.at < now - 60_000
        if x.kind == "raised":
            raised += 1
            assert (x.rule, x.point) not in open_
            open_.add((x.rule, x.point))
        elif x.kind == "cleared":
            open_.remove((x.rule, x.point))
    assert open_ == set()
    assert 20 <= raised <= 25
    assert all(x.value is not None and x.limit is not None for x in told.transitions if x.kind == "raised")


def test_people_answer_in_order_of_time_and_most_is_closed(told: past.Told) -> None:
    now = clock.now()
    lived = diary.live(told.transitions, now, "3708")
    raised = sum(x.kind == "raised" for x in told.transitions)
    assert Alert.objects.count() == Matter.objects.count() == raised
    assert not Alert.objects.filter(active=True).exists()
    assert Matter.objects.exclude(closed_at=None).count() >= raised * 0.6
    assert lived.refused == []
    moments = list(
        Event.objects.filter(type__regex="^(rules|flows|notify)").order_by("id").values_list("at", flat=True)
    )
    assert moments == sorted(moments)
    assert moments[-1] < now
    for matter in Matter.objects.exclude(closed_at=None):
        assert matter.opened_at < (matter.closed_at or now) < now
        assert matter.closed_at - matter.opened_at > timedelta(minutes=4)  # type: ignore[operator]


def test_live_transitions_are_not_taken_for_replays(told: past.Told) -> None:
    """The kernel numbers a point's transitions from 1: lines of the generated past must carry no number."""
    diary.live(told.transitions, clock.now(), "3708")
    assert AlertChange.objects.exists()
    assert not AlertChange.objects.filter(seq__isnull=False).exists()


def test_the_same_seed_gives_the_same_past(told: past.Told, data: Path, tmp_path: Path) -> None:
    what, now = instruments.load("3708"), told.transitions[-1].at + past.QUIET_S * 1000
    one = past.generate(what, now, days=2, watched=40, warnings=10, data=tmp_path / "a")
    two = past.generate(what, now, days=2, watched=40, warnings=10, data=tmp_path / "b")
    assert one == two
