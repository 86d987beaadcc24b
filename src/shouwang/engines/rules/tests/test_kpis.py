"""Alarm performance: of what one may see, over a month or a day, each number with exactly the alerts behind it."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from shouwang.engines.rules import act, judge, kpis
from shouwang.engines.rules.models import Alert
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput

from .conftest import START, Cast, Tape

LEVEL, GAS = "trial.process_limit", "trial.gas"
QUERIES = 3


@pytest.fixture
def busy(cast: Cast, compiled: int, tape: Tape) -> None:
    """甲厂: three short level alarms within a minute and a gas alarm; 乙厂: one that has stood for two days."""
    told = [tape(LEVEL, cast.other_level.pk, "raised", -1, at=-2 * 86400)]
    for n in range(3):
        told += [tape(LEVEL, cast.level.pk, "raised", 1, at=-3600 + 20 * n),
                 tape(LEVEL, cast.level.pk, "cleared", 0, at=-3595 + 20 * n)]
    judge.apply([*told, tape(GAS, cast.gas.pk, "raised", 1, at=-600)])


def values(found: kpis.Performance) -> dict[str, float | None]:
    return {t.key: t.value for t in found.told}


def test_the_last_day_of_the_city(cast: Cast, busy: None) -> None:
    found = kpis.performance(cast.people["city"], kpis.span_of())
    told = values(found)
    assert (told["raised"], told["per_day"], told["chattering"], told["stale"]) == (4, 4, 1, 1)
    assert told["fleeting"] == 1  # the last of the three; the others came back at once
    assert told["unacknowledged"] == 100
    assert {t.key: t.value for t in found.levels} == {"blue": 0, "yellow": 75, "orange": 25, "red": 0}
    assert {t.key: t.verdict for t in found.told if t.target}["chattering"] == "over"
    assert found.targets.mark == "M"


def test_only_what_one_may_see_is_counted(cast: Cast, busy: None) -> None:
    def raised(who: str, **where: object) -> object:
        return values(kpis.performance(cast.people[who], kpis.span_of(), **where))["raised"]  # type: ignore[arg-type]

    assert [raised(who) for who in ("city", "county", "manager", "officer", "stranger")] == [4, 4, 4, 0, 0]
    assert raised("city", region="370811") == 0
    assert raised("city", top=cast.jia.pk) == 4
    assert values(kpis.performance(cast.people["officer"], kpis.span_of()))["stale"] == 1


def test_the_cost_is_the_same_for_few_and_many(cast: Cast, busy: None, tape: Tape) -> None:
    account = cast.people["city"]

    def cost() -> int:
        kpis.performance(account, kpis.span_of())  # grants and params are read once
        with CaptureQueriesContext(connection) as seen:
            kpis.performance(account, kpis.span_of())
        return len(seen)

    before = cost()
    judge.apply([tape(LEVEL, cast.level.pk, k, t, at=-500 + n) for n in range(20) for k, t in
                 (("raised", 1), ("cleared", 0))])
    assert (before, cost()) == (QUERIES, QUERIES)


def test_every_number_has_its_alerts(cast: Cast, busy: None) -> None:
    found = kpis.performance(cast.people["city"], kpis.span_of())
    assert kpis.records(found, "raised") == set(Alert.objects.filter(raised_at__gte=START - timedelta(days=1))
                                                .values_list("id", flat=True))
    assert len(kpis.records(found, "chattering")) == 3
    assert len(kpis.records(found, f"often:{LEVEL}:{cast.level.pk}")) == 3
    t0 = int((START - timedelta(seconds=700)).timestamp() * 1000)
    assert kpis.records(found, f"at:{t0}:{t0 + 200_000}") == {Alert.objects.get(rule=GAS).pk}
    assert kpis.records(found, "stale") == {Alert.objects.get(point=cast.other_level).pk}
    for wrong in ("", "nothing", "often:x:", "at:1"):
        with pytest.raises(BadInput):
            kpis.records(found, wrong)


def test_what_was_shelved_is_counted_and_what_was_put_aside_without_a_line_is_told(cast: Cast, busy: None) -> None:
    alert = Alert.objects.get(rule=GAS)
    act.shelve(alert, cast.people["county"], START + timedelta(hours=1), "检修")
    Alert.objects.filter(point=cast.other_level).update(suppressed_by="someone")
    with clock.at(START + timedelta(seconds=1)):
        told = values(kpis.performance(cast.people["city"], kpis.span_of()))
    assert (told["shelved"], told["suppressed"], told["unrecorded"]) == (1, 1, 1)


def test_groups_are_the_parts_with_the_same_figures(cast: Cast, busy: None) -> None:
    found = kpis.performance(cast.people["city"], kpis.span_of())
    regions = kpis.by_region(found, 6)
    assert [(g.place.name, g.told["raised"].value, g.told["stale"].value) for g in regions] == [
        ("嘉祥县", 4, 0), ("任城区", 0, 1)]
    assert [(g.place.name, g.told["chattering"].value) for g in kpis.by_enterprise(found)] == [("甲厂", 1)]


def test_a_month_is_a_month_of_china_and_the_present_one_ends_now(cast: Cast) -> None:
    with clock.at(datetime(2026, 6, 10, 8, tzinfo=clock.LOCAL)):
        may, june = kpis.span_of("2026-05"), kpis.span_of("2026-06")
        assert (may.since.isoformat(), may.until.isoformat()) == ("2026-05-01T00:00:00+08:00",
                                                                  "2026-06-01T00:00:00+08:00")
        assert (may.enough, june.enough, kpis.span_of().enough) == (True, False, False)
        assert june.until == clock.now()
        assert kpis.months(7)[0] == "2026-06"
        assert kpis.months(7)[-1] == "2025-12"
        for wrong in ("2026-07", "2026-13", "june"):
            with pytest.raises(BadInput):
                kpis.span_of(wrong)


def test_a_span_without_any_alarm_is_not_praised(cast: Cast) -> None:
    found = kpis.performance(cast.people["city"], kpis.span_of("2026-04"))
    assert {t.key for t in found.told if t.verdict} == {"stale", "unrecorded"}
    assert {t.verdict for t in found.levels} == {""}


def test_over_http(cast: Cast, busy: None) -> None:
    client = Client()
    client.force_login(cast.people["city"])
    told = client.get("/api/v1/alerts/kpis?by=region").json()
    assert {f["key"]: f["value"] for f in told["figures"]}["raised"] == 4
    assert [g["name"] for g in told["groups"]] == ["嘉祥县", "任城区"]
    for figure in told["figures"]:
        listed = client.get(f"/api/v1/alerts/kpis/records?figure={figure['key']}").json()
        assert listed["count"] == figure["alerts"]
    assert client.get("/api/v1/alerts/kpis?month=x").status_code == 400
    assert client.get("/api/v1/alerts/kpis?post=99").status_code == 400
