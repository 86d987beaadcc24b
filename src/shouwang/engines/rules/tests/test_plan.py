"""What is declared and registered becomes exact integers, with their basis; nothing changed publishes nothing."""

import os
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shouwang.engines.rules import checkbook, limits, plan, state, tiers
from shouwang.engines.rules.limits import Measured, Values
from shouwang.engines.rules.units import Unjudged, converted
from shouwang.engines.subjects.models import Point, Subject
from shouwang.engines.telemetry import plan as plans
from shouwang.engines.telemetry.models import Channel, Source
from shouwang.kernel import content, params
from shouwang.kernel.models import Param

from .conftest import LIMITS, Cast


def book(version: int) -> dict[tuple[str, int], np.void]:
    """(rule, point id) → record of the published checks."""
    found = checkbook.read(plan.root() / str(version))
    return {(found.rules[r], p): c for r, p, c in zip(found.rule.tolist(), found.point.tolist(), found.checks,
                                                     strict=True)}


def test_the_limits_of_a_point_become_integers_with_reset_and_delays(cast: Cast) -> None:
    check = book(plan.compile_plan())["trial.process_limit", cast.level.pk]
    assert check["limit"].tolist() == [1000, 1500, 8500, 9000]
    assert check["reset"].tolist() == [1100, 1600, 8400, 8900]
    assert (check["on"], check["off"], check["has"], check["kind"]) == (3000, 10_000, 15, tiers.LIMIT)


def test_only_matching_points_are_judged(cast: Cast, compiled: int) -> None:
    assert {(r.removeprefix("trial."), p) for r, p in book(compiled)} == {
        ("process_limit", cast.level.pk), ("process_limit", cast.other_level.pk), ("methane", cast.methane.pk),
        ("gas", cast.gas.pk), ("silence", cast.level.pk), ("silence", cast.methane.pk),
        ("silence", cast.other_level.pk), ("span", cast.level.pk), ("span", cast.other_level.pk)}


def test_facts_of_the_enterprise_decide_unless_the_point_knows_better(cast: Cast) -> None:
    cast.gas.facts = {"medium": "水"}
    cast.gas.save()
    assert ("trial.gas", cast.gas.pk) not in book(plan.compile_plan())
    cast.gas.facts = {}
    cast.gas.save()
    assert ("trial.gas", cast.gas.pk) in book(plan.compile_plan())


def test_a_table_row_is_picked_by_place_and_carries_its_own_mark(cast: Cast) -> None:
    t1 = book(plan.compile_plan())["trial.methane", cast.methane.pk]
    assert (t1["limit"].tolist()[2:], t1["reset"].tolist()[2:], t1["has"]) == ([100, 150], [100, 100], 12)
    cast.methane.facts = {"place": "R2"}
    cast.methane.save()
    version = plan.compile_plan()
    r2 = book(version)["trial.methane", cast.methane.pk]
    assert (r2["limit"][2], r2["has"]) == (75, 4)  # the table gives no cut there
    assert plan.told(version).basis("trial.methane", cast.methane.pk, 1) == {
        "text": "凭记忆", "mark": "M", "since": "2020-01-01", "param": "trial.methane", "locality": "cn",
        "approver": ""}


def test_a_point_whose_row_is_missing_is_told_not_guessed(cast: Cast) -> None:
    cast.methane.facts = {"place": "火星"}
    cast.methane.save()
    version = plan.compile_plan()
    assert ("trial.methane", cast.methane.pk) not in book(version)
    assert [(u["rule"], u["point"]) for u in plan.unjudged()] == [("trial.methane", cast.methane.pk)]
    assert "火星" in plan.unjudged()[0]["why"]


def test_a_limit_the_point_does_not_have_is_no_tier(cast: Cast) -> None:
    Point.objects.filter(pk=cast.level.pk).update(ll=None, l=None, h=None)
    check = book(plan.compile_plan())["trial.process_limit", cast.level.pk]
    assert (check["has"], check["limit"].tolist()) == (8, [*tiers.OUT_OF_REACH[:3], 9000])
    Point.objects.filter(pk=cast.level.pk).update(hh=None)
    assert ("trial.process_limit", cast.level.pk) not in book(plan.compile_plan())


def test_the_day_and_the_place_decide_and_an_approved_value_goes_first(cast: Cast) -> None:
    key = ("trial.gas", cast.gas.pk)
    assert book(plan.compile_plan(date(2026, 6, 30)))[key]["limit"][2] == 250
    assert book(plan.compile_plan(date(2026, 7, 1)))[key]["limit"][2] == 200
    Param.objects.create(path="trial.gas", locality="cn_3708", since=date(2026, 6, 1), value=10, basis="市里从严",
                         proposed_by="a", approved_by="b")
    version = plan.compile_plan(date(2026, 6, 30))
    assert book(version)[key]["limit"][2] == 100
    told = plan.told(version).basis("trial.gas", cast.gas.pk, 1)
    assert (told["text"], told["approver"], told["locality"]) == ("市里从严", "b", "cn_3708")


def test_the_version_rises_only_when_something_changed(cast: Cast) -> None:
    first = plan.compile_plan()
    assert plans.current(plan.root()) == first
    assert plan.compile_plan() == first
    Point.objects.filter(pk=cast.level.pk).update(h=Decimal("86"))
    assert plan.compile_plan() == first + 1 == plans.current(plan.root())


def test_an_open_alert_does_not_change_the_plan(cast: Cast, compiled: int, tape: Any) -> None:
    from shouwang.engines.rules import judge

    judge.apply([tape("trial.process_limit", cast.level.pk, "raised", 1)])
    assert plan.compile_plan() == compiled
    Point.objects.filter(pk=cast.gas.pk).update(name="别名", digits=2)
    version = plan.compile_plan()
    folder = plan.root() / str(version)
    fresh = state.fresh(plans.load(plan.root(), version), folder)  # a kernel that lost everything
    open_ = {key: int(t) for key, t in zip(fresh.keys(), fresh.checks["tier"], strict=True) if t}
    assert open_ == {(cast.level.pk, "trial.process_limit"): 1}


def test_versions_far_behind_and_long_past_are_forgotten(cast: Cast, compiled: int) -> None:
    for n in range(2, 5):
        (plan.root() / str(n)).mkdir()
    os.utime(plan.root() / "3", (0, 0))
    Point.objects.filter(pk=cast.level.pk).update(h=Decimal("86"))
    (plan.root() / "40").mkdir()
    assert plan.compile_plan() == 41
    assert sorted(int(p.name) for p in plan.root().iterdir() if p.name.isdigit()) == [1, 2, 4, 40, 41]


MEASURED = Measured(1, "temperature", "℉", 1, "facility", "cn", limits={"h": Decimal(200)})


@pytest.mark.parametrize(("unit", "value", "expected"), [
    ("℉", "212", "212"), ("", "212", "212"), ("℃", "100", "212"), ("K", "373.15", "212")])
def test_a_param_in_another_unit_is_converted(trial: Path, unit: str, value: str, expected: str) -> None:
    assert abs(converted(Decimal(value), unit, MEASURED) - Decimal(expected)) < Decimal("0.00001")


def test_a_unit_nobody_can_convert_is_told(trial: Path) -> None:
    with pytest.raises(Unjudged, match="MPa"):
        converted(Decimal(1), "MPa", MEASURED)


def test_a_limit_beyond_what_can_be_held_is_told(trial: Path) -> None:
    with pytest.raises(Unjudged, match="小数位数"):
        limits.scaled(Decimal(3000), 6, True)


@pytest.mark.parametrize(("value", "ms"), [("5m", 300_000), (5, 300_000), (0.5, 30_000), ("90s", 90_000)])
def test_silence_is_a_span_or_minutes(db: None, trial: Path, value: object, ms: int) -> None:
    rule = content.get("rules", "trial.silence")
    values = Values(date(2026, 6, 1))
    dated = params.lookup("trial.silent_for", date(2026, 6, 1))
    values._known["trial.silent_for", "cn"] = params.Dated(**{**dated.__dict__, "value": value})
    assert limits.check_of(rule, MEASURED, values).on == ms


def city(points: int) -> None:
    """`points` more points on as many gateways and subjects as a city of this size has."""
    tops = Subject.objects.bulk_create(
        Subject(kind="enterprise", code=f"E{n}", name=f"企业{n}", region=f"3708{n % 11:02d}{n % 9:03d}", line="hazchem",
                facts={"medium": "甲醇", "address": "x" * 60}) for n in range(points // 57 + 1))
    parts = Subject.objects.bulk_create(
        Subject(kind="facility", code=f"F{n}", name=f"罐{n}", top=tops[n // 14 % len(tops)],
                region=tops[n // 14 % len(tops)].region, facts={"volume": n}) for n in range(points // 4 + 1))
    sources = Source.objects.bulk_create(Source(name=f"G{n}", token_hash=f"{n:064x}") for n in range(len(tops)))
    kinds = (("level", "%"), ("temperature", "℃"), ("combustible", "%LEL"), ("methane", "%CH4"))
    made = Point.objects.bulk_create(
        Point(subject=parts[n // 4], code=f"P{n}", name=f"点{n}", quantity=kinds[n % 4][0], unit=kinds[n % 4][1],
              facts={"place": "T1"} if n % 4 == 3 else {}, **LIMITS) for n in range(points))
    Channel.objects.bulk_create(
        Channel(point=p, source=sources[n % len(sources)], device=f"d{n}", key="v") for n, p in enumerate(made))


def test_compiling_takes_the_same_few_queries_whatever_the_size(cast: Cast) -> None:
    plan.compile_plan()
    with CaptureQueriesContext(connection, ) as few:
        plan.compile_plan()
    city(400)
    with CaptureQueriesContext(connection) as many:
        plan.compile_plan()
    own = [q["sql"] for q in many.captured_queries]
    assert len(own) - len(few.captured_queries) <= 1  # open alerts are only asked for when something changed
    assert len(own) <= 8, own


def test_a_city_of_17001_points_compiles(cast: Cast) -> None:
    city(17_001 - 4)
    plan.compile_plan()
    Point.objects.filter(pk=cast.level.pk).update(h=Decimal(86))
    version = plan.compile_plan()
    assert len(book(version)) > 25_000
    assert (Path(settings.DATA) / "plan" / str(version) / "checks.npz").exists()
