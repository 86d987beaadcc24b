"""In a flood the list is folded by enterprise, and no red alert is ever folded."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from shouwang.engines.rules.models import Alert
from shouwang.engines.subjects.models import Point, Subject
from shouwang.kernel import clock
from shouwang.surfaces.console import flood
from shouwang.testing import REGION, Situation

pytestmark = pytest.mark.django_db
START = datetime(2026, 6, 1, 8, 0, tzinfo=clock.LOCAL)
GIVEN = {
    "enterprise": "甲厂", "line": "hazchem", "region": REGION, "subject": {"kind": "tank", "name": "T-101"},
    "points": {"level": {"ll": 10, "l": 15, "h": 85, "hh": 90, "deadband": 1, "range_low": 0, "range_high": 100}},
}


@pytest.fixture
def play() -> Iterator[Situation]:
    with clock.at(START):
        made = Situation(GIVEN, "hazchem")
        made.do_readings({"level": "1s: 95x5"})  # one red alert
        yield made


def rain(n: int, level: str = "yellow", firm: str = "乙厂", since: timedelta = timedelta()) -> Subject:
    """`n` alerts of one enterprise, a second apart, the first `since` ago."""
    like = Alert.objects.earliest("id")
    place, _ = Subject.objects.get_or_create(kind="enterprise", code=firm, name=firm, region=REGION, line="hazchem")
    Subject.objects.filter(pk=place.pk).update(top=place)
    for _n in range(n):
        point = Point.objects.create(subject=place, code=f"P{Point.objects.count()}", name="液位", quantity="level",
                                     unit="%")
        at = clock.now() - since + timedelta(seconds=_n - n)
        Alert.objects.create(**{f.attname: getattr(like, f.attname) for f in Alert._meta.fields if f.name != "id"} | {
            "point_id": point.pk, "subject_id": place.pk, "top_id": place.pk, "seq": 1, "level": level,
            "highest": level, "raised_at": at, "opened_at": at})
    return place


def supervisor(play: Situation) -> Client:
    client = Client()
    client.force_login(play.cast["county_supervisor"])
    return client


def test_ten_in_ten_minutes_are_listed_one_by_one(play: Situation) -> None:
    rain(9)
    answer = supervisor(play).get("/warnings/")
    assert (answer.context["flood"], len(answer.context["rows"])) == (None, 10)


def test_more_are_folded_by_enterprise_and_red_ones_are_not(play: Situation) -> None:
    yi = rain(12)
    rain(3, "red")
    answer = supervisor(play).get("/warnings/")
    assert [r["alert"].level for r in answer.context["rows"]] == ["red"] * 4
    (line,) = answer.context["folded"]
    assert (line.top, line.n, line.levels, line.unacknowledged) == (yi.pk, 12, {"yellow": 12}, 12)
    assert "报警洪泛" in answer.content.decode()


def test_every_folded_number_leads_to_as_many(play: Situation) -> None:
    rain(12)
    rain(2, "blue", "丙厂")
    client = supervisor(play)
    page = client.get("/warnings/").content.decode()
    found = re.findall(r'<a class="pill" href="([^"]+)">\S+ (\d+)</a>', page)
    assert [int(n) for _href, n in found] == [12, 2]
    for href, n in found:
        assert client.get(href.replace("&amp;", "&")).context["page"].paginator.count == int(n)


def test_one_by_one_can_be_asked_for_and_folding_too(play: Situation) -> None:
    rain(12)
    client = supervisor(play)
    assert len(client.get("/warnings/?group=0").context["rows"]) == 13
    assert "报警洪泛" in client.get("/warnings/?group=0").content.decode()
    clock.advance(timedelta(hours=1))
    calm = client.get("/warnings/?group=1")
    assert (calm.context["flood"], len(calm.context["rows"]), len(calm.context["folded"])) == (None, 1, 1)


def test_a_flood_is_over_when_few_come(play: Situation) -> None:
    rain(12, since=timedelta(minutes=25))
    account = play.cast["county_supervisor"]
    assert flood.now(account) is None
    rain(12)
    found = flood.now(account)
    assert found is not None
    assert found.n == 13
    assert flood.now(account, region="370811") is None


def test_the_folded_list_costs_the_same_for_many(play: Situation,
                                                 django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    for n in range(45):
        rain(2, firm=f"{n}厂")
    client = supervisor(play)
    with django_assert_max_num_queries(25):
        answer = client.get("/warnings/")
    assert answer.context["page"].paginator.num_pages == 2
    assert len(client.get("/warnings/?page=2").context["folded"]) == 6
