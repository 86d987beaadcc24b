"""What counts as a flood, chatter, fleeting, stale: the edges of the standard's words, on plain rows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.engines.rules import figures
from shouwang.engines.rules.figures import DAY, HOUR, TEN_MIN, Report, Row, Terms

TERMS = Terms(10, 5, 30, 3, 60_000, 10_000, 60_000, DAY)
LEVELS = ("blue", "yellow", "orange", "red")
S = 1000


def row(n: int, at: int, *, cleared: int | None = None, point: int = 1, level: str = "blue", **more: Any) -> Row:
    return Row(n, "trial.r", point, 1, "370829", level, at, more.pop("recorded", at), cleared, more.pop("acked", None))


def at(*moments: int, apart: bool = True) -> list[Row]:
    """An alarm at each moment, each of its own point unless told otherwise."""
    return [row(n, t, point=n if apart else 1) for n, t in enumerate(moments, 1)]


def told(rows: list[Row], since: int = 0, until: int = DAY) -> Report:
    return figures.report(rows, since, until, TERMS, LEVELS)


def value(rows: list[Row], key: str, **span: int) -> float | None:
    return told(rows, **span).figures[key].value


def test_averages_are_over_the_whole_span() -> None:
    rows = at(*(n * HOUR for n in range(12)))
    assert value(rows, "per_day") == 12
    assert value(rows, "per_hour") == 0.5
    assert value(rows, "per_ten") == pytest.approx(12 / 144)


def test_an_alarm_counts_from_the_first_moment_of_the_span_to_before_the_last() -> None:
    assert value(at(99, 100, 199, 200), "raised", since=100, until=200) == 2


@pytest.mark.parametrize(("n", "share"), [(10, 0), (11, 1 / 144)])
def test_ten_alarms_in_ten_minutes_are_no_flood_eleven_are(n: int, share: float) -> None:
    rows = at(*range(n))
    assert value(rows, "flood") == pytest.approx(share)
    assert value(rows, "busy_tens") == pytest.approx(share)
    assert value(rows, "peak_ten") == n


def test_a_flood_goes_on_while_five_come_and_ends_with_four() -> None:
    rows = at(*range(11), *(TEN_MIN + n for n in range(5)), *(2 * TEN_MIN + n for n in range(4)))
    (flood,) = told(rows).floods
    assert (flood.since, flood.until, len(flood.ids)) == (0, 2 * TEN_MIN, 16)


def test_a_flood_ends_with_an_empty_ten_minutes_and_with_the_span() -> None:
    first = list(range(11))
    last = [DAY - TEN_MIN + n for n in range(11)]
    found = told(at(*first, *last)).floods
    assert [(f.since, f.until) for f in found] == [(0, TEN_MIN), (DAY - TEN_MIN, DAY)]
    cut = told(at(*first), until=TEN_MIN // 2)
    assert [(f.since, f.until) for f in cut.floods] == [(0, TEN_MIN // 2)]
    assert cut.figures["flood"].value == 1


@pytest.mark.parametrize(("n", "share"), [(30, 0), (31, 1 / 24)])
def test_thirty_alarms_an_hour_are_not_too_many_thirty_one_are(n: int, share: float) -> None:
    assert value(at(*range(n)), "busy_hours") == pytest.approx(share)


@pytest.mark.parametrize(("moments", "n"), [
    ((0, 30 * S, 60 * S), 1), ((0, 30 * S, 60 * S + 1), 0), ((0, 1), 0), ((0, 20 * S, 40 * S, 90 * S), 1)])
def test_three_within_a_minute_chatter(moments: tuple[int, ...], n: int) -> None:
    found = told(at(*moments, apart=False)).figures["chattering"]
    assert (found.value, len(found.ids)) == (n, 3 * n)


def test_three_points_once_each_do_not_chatter() -> None:
    assert value(at(0, 1, 2), "chattering") == 0


@pytest.mark.parametrize(("cleared", "again", "n"), [
    (9_999, None, 1), (10_000, None, 0), (None, None, 0), (5 * S, 5 * S + 60_000, 0), (5 * S, 5 * S + 60_001, 1)])
def test_fleeting_is_over_within_ten_seconds_and_does_not_come_back_within_a_minute(
        cleared: int | None, again: int | None, n: int) -> None:
    rows = [row(1, 0, cleared=cleared)] + ([row(2, again)] if again else [])
    assert value(rows, "fleeting") == n


@pytest.mark.parametrize(("raised", "cleared", "n"), [
    (0, None, 0), (-1, None, 1), (-DAY, DAY, 0), (-DAY, DAY + 1, 1), (-9 * DAY, None, 1)])
def test_what_stands_longer_than_a_day_is_stale(raised: int, cleared: int | None, n: int) -> None:
    assert value([row(1, raised, cleared=cleared)], "stale") == n


def test_stale_is_the_worst_of_the_days_of_a_month() -> None:
    early = [row(n, 0, cleared=3 * DAY, point=n) for n in range(4)]
    assert value([*early, row(9, 20 * DAY, point=9)], "stale", until=30 * DAY) == 4


def test_the_ten_most_frequent_are_named_with_their_share() -> None:
    rows = [row(n, n, point=n % 11) for n in range(110)] + [row(200, 500, point=3)]
    found = told(rows)
    assert (found.often[0].point, len(found.often[0].ids)) == (3, 11)
    assert found.figures["top_ten"].value == pytest.approx(101 / 111)


def test_shares_by_level_add_up() -> None:
    rows = [row(n, n, point=n, level=LEVELS[n % 4]) for n in range(8)]
    assert {k: f.value for k, f in told(rows).levels.items()} == dict.fromkeys(LEVELS, 0.25)


def test_acknowledging_is_measured_from_when_it_was_known() -> None:
    rows = [row(n, 0, point=n, recorded=100 * S, acked=(100 + n) * S) for n in range(1, 11)] + [row(99, 0, point=99)]
    found = told(rows).figures
    assert (found["ack_median"].value, found["ack_p90"].value) == (5.5, 9.0)
    assert found["unacknowledged"].value == pytest.approx(1 / 11)
    assert found["unacknowledged"].ids == {99}


def test_nothing_is_not_zero_percent() -> None:
    found = told([]).figures
    assert found["raised"].value == 0
    assert [found[k].value for k in ("top_ten", "ack_median", "ack_p90", "unacknowledged")] == [None] * 4
    assert told([], since=5, until=5).figures == {}


@pytest.mark.parametrize(("target", "given_", "said"), [
    ({"good": 144, "most": 288}, 144, "good"), ({"good": 144, "most": 288}, 144.1, "manageable"),
    ({"good": 144, "most": 288}, 288.1, "over"), ({"under": 1}, 0.99, "good"), ({"under": 1}, 1, "over"),
    ({"least": 80}, 80, "good"), ({"least": 80}, 79, "over"), ({}, 5, ""), ({"good": 1}, None, "")])
def test_verdicts_at_the_edges(target: dict[str, float], given_: float | None, said: str) -> None:
    assert figures.verdict(given_, target) == said


@given(st.lists(st.tuples(st.integers(0, DAY - 1), st.integers(1, 4), st.sampled_from(LEVELS)), max_size=80))
def test_every_alarm_is_counted_once_however_it_is_grouped(drawn: list[tuple[int, int, str]]) -> None:
    found = told([row(n, t, point=p, level=lv) for n, (t, p, lv) in enumerate(drawn)])
    assert sum(len(o.ids) for o in found.often) == len(drawn)
    assert sum(len(f.ids) for f in found.levels.values()) == len(drawn)
    assert sum(sum(n.values()) for _t, n in figures.per_period(found, HOUR)) == len(drawn)
    every = {r.id for r in found.raised}
    assert all(f.ids <= every for f in found.figures.values())
