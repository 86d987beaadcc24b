"""A change run over the history: the real kernel, both sides over the same readings, nothing written."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.conf import LazySettings

from shouwang.engines.rules import backtest, change, judge, kpis
from shouwang.engines.rules.models import Alert
from shouwang.engines.subjects.models import Point
from shouwang.engines.telemetry import history
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput

from .conftest import START, T0, Cast, Tape

LEVEL, GAS = "trial.process_limit", "trial.gas"
STEP = 10
SPAN = kpis.Span(START - timedelta(days=2), START)


def write(point: Point, values: list[float], start: int, step: int = STEP) -> None:
    """Readings of two decimals, `start` s from 08:00 on."""
    n = len(values)
    t = T0 + (start + np.arange(n) * step) * 1000
    history.write_past(np.full(n, point.pk), t, np.rint(np.array(values) * 100), 0, 2)


@pytest.fixture
def past(cast: Cast, compiled: int, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Cast:
    """A day of T1: quiet at 50, at 82 for ten minutes twelve times, once at 95 for a minute; gas at 22 for an hour."""
    monkeypatch.setenv("SHOUWANG_DATA", str(settings.DATA))
    values = np.full(8640, 50.0)
    for n in range(12):
        values[600 * n:600 * n + 60] = 82
    values[8000:8006] = 95
    write(cast.level, values.tolist(), -86400)
    gas = np.full(8640, 5.0)
    gas[3000:3360] = 22
    write(cast.gas, gas.tolist(), -86400)
    return cast


def played(text: str, **more: object) -> backtest.Tested:
    return backtest.run(change.parsed(text), SPAN, **more)  # type: ignore[arg-type]


def times(found: backtest.Tested) -> dict[str, int]:
    return {side: len(report.raised) for side, report in found.reports.items()}


def test_a_lower_limit_of_one_point_is_shown_beside_the_one_in_force(past: Cast) -> None:
    found = played("points: {LT-101: {h: 80}}")
    assert times(found) == {"now": 1, "tried": 13, "real": 0}
    assert (found.points, found.readings, found.unheard, found.rules) == (1, 8640, 0, [LEVEL])
    (row,) = found.reports["now"].raised
    assert (row.level, row.top, row.region) == ("red", past.jia.pk, "370829001")
    assert row.raised == T0 + (-86400 + 80000 + 3) * 1000  # the delay of 3 s has run out
    assert row.cleared == T0 + (-86400 + 80060 + 10) * 1000  # back for the off-delay of 10 s


def test_a_param_tried_touches_the_rules_that_use_it(past: Cast) -> None:
    Point.objects.filter(pk=past.gas.pk).update(facts={"medium": "甲醇"})
    found = played("params: {trial.gas: 20}")
    assert (times(found), found.rules) == ({"now": 0, "tried": 1, "real": 0}, [GAS])
    assert found.reports["tried"].levels["orange"].value == 1


def test_a_rule_of_the_same_id_replaces_the_one_in_force(past: Cast) -> None:
    found = played("""
- id: process_limit
  title: 只报高高
  quantity: level
  of: facility
  test: {above: {limit: hh}}
  level: orange
  hold: 2m
""")
    assert times(found) == {"now": 1, "tried": 0, "real": 0}


def test_a_new_rule_has_nothing_beside_it(past: Cast) -> None:
    found = played("""
scene: trial
rules:
  - {id: full, title: 将满, quantity: level, of: facility, test: {above: {limit: h}}, level: yellow}
""")
    assert times(found) == {"now": 0, "tried": 1, "real": 0}


def test_what_really_was_stands_beside_it(past: Cast, tape: Tape) -> None:
    judge.apply([tape(LEVEL, past.level.pk, "raised", 2, at=-6400, value=95.0)])
    assert times(played("points: {LT-101: {h: 80}}"))["real"] == 1


def test_the_replay_of_what_is_in_force_is_what_the_rules_in_force_say(past: Cast) -> None:
    found = played("points: {LT-101: {h: 85}}")
    assert found.reports["now"].raised == found.reports["tried"].raised


def test_slices_and_chunks_do_not_show(past: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = played("points: {LT-101: {h: 80}}").reports["tried"].raised
    monkeypatch.setattr(backtest, "SLICE_MS", 7 * 60_000)
    monkeypatch.setattr(backtest, "CHUNK", 1)
    assert played("points: {LT-101: {h: 80}}").reports["tried"].raised == whole


def test_silence_is_found_where_readings_stop_and_not_before_the_first(past: Cast) -> None:
    write(past.methane, [0.1] * 60, -7200)
    found = played("params: {trial.silent_for: 10m}")
    rows = {r.point: r for r in found.reports["tried"].raised}
    assert set(rows) == {past.methane.pk}
    assert found.unheard == 1  # 乙厂's tank
    gap = rows[past.methane.pk].raised - (T0 + (-7200 + 590) * 1000)
    assert 600_000 <= gap <= 600_000 + 2 * backtest.STEP_MS


def test_only_points_within_reach_are_replayed_and_nothing_is_written(past: Cast) -> None:
    before = Alert.objects.count(), clock.now()
    assert played("points: {LT-101: {h: 80}}", account=past.people["county"]).points == 1
    assert played("points: {LT-101: {h: 80}}", account=past.people["officer"]).points == 0
    assert played("points: {LT-101: {h: 80}}", region="370811").points == 0
    assert (Alert.objects.count(), clock.now()) == before


@pytest.mark.parametrize(("text", "said"), [
    ("", "请写"), ("3", "请写"), ("{nothing: 1}", "请写"), ("[1]", "键: 值"), ("a: [", "YAML"),
    ("- {id: process_limit, level: red}", "quantity"), ("params: {no.such: 1}", "没有参数"),
    ("params: [1]", "参数名"), ("points: {LT-9: {h: 1}}", "没有位号"), ("points: {LT-101: {x: 1}}", "位号"),
    ("points: {LT-101: {h: many}}", "数字"), ("rules: []", "没有规则")])
def test_what_cannot_be_tried_is_said(past: Cast, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        played(text)


def test_a_limit_taken_away_no_longer_fires(past: Cast) -> None:
    assert times(played("points: {LT-101: {hh: null, h: null}}")) == {"now": 1, "tried": 0, "real": 0}


def test_history_of_other_digits_is_judged_at_todays(past: Cast, tmp_path: Path) -> None:
    t = T0 - 200_000_000 + np.arange(600) * 10_000
    history.write_past(np.full(600, past.level.pk), t, np.full(600, 88), 0, 0)
    wide = kpis.Span(START - timedelta(days=3), START - timedelta(days=2))
    found = backtest.run(change.parsed("points: {LT-101: {h: 80}}"), wide)
    assert [len(found.reports[s].raised) for s in backtest.SIDES] == [1, 1]
