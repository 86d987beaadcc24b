"""Lists show what a person may see; counts, trends and letters are views of the same rows."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shouwang.engines.rules import judge, read
from shouwang.engines.rules.models import Alert
from shouwang.kernel import clock, measures

from .conftest import START, Cast, Tape

LEVEL = "trial.process_limit"


@pytest.fixture
def many(cast: Cast, compiled: int, tape: Tape) -> dict[str, Alert]:
    """甲厂: a red and an orange open, a yellow cleared an hour ago; 乙厂: a blue open. By level."""
    judge.apply([
        tape(LEVEL, cast.level.pk, "raised", 1, at=-3600), tape(LEVEL, cast.level.pk, "cleared", 0, at=-3500),
        tape(LEVEL, cast.level.pk, "raised", 2, at=-60, value=95.0),
        tape("trial.gas", cast.gas.pk, "raised", 1, at=-30), tape(LEVEL, cast.other_level.pk, "raised", -1, at=-10)])
    return {a.level: a for a in Alert.objects.all()}


@pytest.mark.parametrize(("who", "levels"), [
    ("city", ["red", "orange", "blue", "yellow"]), ("county", ["red", "orange", "yellow"]),
    ("manager", ["red", "orange", "yellow"]), ("grid", ["red", "orange", "yellow"]), ("officer", ["blue"]),
    ("stranger", [])])
def test_the_list_is_what_one_may_see_gravest_open_first(cast: Cast, many: dict[str, Alert], who: str,
                                                         levels: list[str]) -> None:
    assert [a.level for a in read.alerts(cast.people[who])] == levels
    assert sum(read.counts(cast.people[who]).levels.values()) == len([lv for lv in levels if lv != "yellow"])
    for alert in many.values():
        seen = Alert.objects.filter(read.visible(cast.people[who]), pk=alert.pk).exists()
        assert seen == (alert.level in levels)


@pytest.mark.parametrize(("filters", "levels"), [
    ({"active": True}, ["red", "orange", "blue"]), ({"active": False}, ["yellow"]), ({"level": "red"}, ["red"]),
    ({"rule": "trial.gas"}, ["orange"]), ({"region": "370811"}, ["blue"]), ({"search": "GD-1"}, ["orange"]),
    ({"search": "乙厂"}, ["blue"]), ({"since": START - timedelta(seconds=40)}, ["orange", "blue"]),
    ({"until": START - timedelta(minutes=30)}, ["yellow"]), ({"acknowledged": True}, []), ({"shelved": True}, []),
    ({"kind": "no_data"}, []), ({"order": "newest"}, ["blue", "orange", "red", "yellow"])])
def test_filters_narrow(cast: Cast, many: dict[str, Alert], filters: dict[str, object], levels: list[str]) -> None:
    assert [a.level for a in read.alerts(cast.people["city"], **filters)] == levels  # type: ignore[arg-type]


def test_a_list_is_one_query_with_all_it_shows(cast: Cast, many: dict[str, Alert]) -> None:
    cast.people["city"].grants.all()
    read.counts(cast.people["city"])  # grants are read once
    with CaptureQueriesContext(connection) as seen:
        for alert in read.alerts(cast.people["city"]):
            assert alert.top.name, alert.point.code + alert.subject.name
    assert len(seen.captured_queries) == 1


def test_counts_by_level_and_region(cast: Cast, many: dict[str, Alert]) -> None:
    found = read.counts(cast.people["city"])
    assert (found.levels, found.open, found.unacknowledged) == (
        {"red": 1, "orange": 1, "yellow": 0, "blue": 1}, 3, 3)
    assert [(r.code, r.open, r.worst) for r in read.by_region(cast.people["city"], "3708", 6)] == [
        ("370811", 1, "blue"), ("370829", 2, "red")]
    assert read.worst_by_enterprise("3708") == {cast.jia.pk: "red", cast.yi.pk: "blue"}
    assert read.worst_by_enterprise(account=cast.people["manager"]) == {cast.jia.pk: "red"}
    assert [a.level for a in read.open_about([cast.tank.pk])[cast.tank.pk]] == ["red", "orange"]


def test_the_trend_has_every_hour_of_china(cast: Cast, many: dict[str, Alert]) -> None:
    hours = read.trend(cast.people["city"], 3)
    assert [(h.start.hour, h.total) for h in hours] == [(6, 0), (7, 4), (8, 0)]
    assert hours[1].levels == {"red": 1, "orange": 1, "yellow": 1, "blue": 1}


def test_the_isa_letter_is_a_view_of_the_vector(cast: Cast, many: dict[str, Alert]) -> None:
    alert = many["red"]
    assert read.isa_letter(alert) == "B"
    alert.acked_at = START
    assert read.isa_letter(alert) == "C"
    alert.active = False
    assert read.isa_letter(alert) == "A"
    alert.acked_at = None
    assert read.isa_letter(alert) == "D"
    alert.shelved_until = clock.now() + timedelta(seconds=1)
    assert read.isa_letter(alert) == "E"
    alert.suppressed_by = "trial.other"
    assert read.isa_letter(alert) == "F"
    alert.out_of_service = "停用令 1 号"
    assert read.isa_letter(alert) == "G"


def test_measures_count_by_enterprise_and_time(cast: Cast, many: dict[str, Alert]) -> None:
    def count(name: str, subject: int, hours: int, **where: object) -> float | None:
        return measures.read(name, subject=subject, since=START - timedelta(hours=hours), **where)

    assert count("rules.alerts", cast.jia.pk, 2) == 3
    assert count("rules.alerts", cast.tank.pk, 2, level="red") == 1
    assert count("rules.alerts", cast.jia.pk, 0) == 0
    assert count("rules.open_alerts", cast.jia.pk, 2) == 2
    assert count("rules.open_alerts", cast.yi.pk, 2, level="red") == 0


def test_guidance_is_the_rules_and_gone_rules_have_none(cast: Cast, many: dict[str, Alert]) -> None:
    said = read.guidance(many["red"])
    assert said is not None
    assert said.action == "停止进料"
    assert read.guidance(Alert(rule="trial.gone")) is None
