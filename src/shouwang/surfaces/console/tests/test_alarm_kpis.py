"""The page of alarm performance: every number leads to a list of exactly as many warnings."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.test import Client

from shouwang.engines.notify.models import Post
from shouwang.engines.rules.models import Alert
from shouwang.kernel import clock
from shouwang.surfaces import performance
from shouwang.surfaces.performance import Asked
from shouwang.testing import REGION, Situation

pytestmark = pytest.mark.django_db
START = datetime(2026, 6, 20, 8, 0, tzinfo=clock.LOCAL)
GIVEN = {
    "enterprise": "甲厂", "line": "hazchem", "region": REGION, "subject": {"kind": "tank", "name": "T-101"},
    "points": {"level": {"ll": 10, "l": 15, "h": 85, "hh": 90, "deadband": 1, "range_low": 0, "range_high": 100}},
}


@pytest.fixture(autouse=True)
def _frozen() -> Iterator[None]:
    with clock.at(START):
        yield


@pytest.fixture
def play() -> Situation:
    made = Situation(GIVEN, "hazchem")
    made.do_readings({"level": "1s: 95x5"})
    clock.advance(timedelta(minutes=1))
    return made


def client(play: Situation, who: str) -> Client:
    signed_in = Client()
    signed_in.force_login(play.cast[who])
    return signed_in


@pytest.mark.parametrize("month", ["", "2026-06"])
def test_every_link_lists_as_many_as_it_says(play: Situation, month: str) -> None:
    city = client(play, "county_supervisor")
    page = city.get("/alarm-kpis/", {"month": month}).content.decode()
    told = {re.sub("&amp;", "&", href): int(n) for href, n in
            re.findall(r'href="(/alarm-kpis/records/\?[^"]+)" title="(\d+) 条预警"', page)}
    assert max(told.values()) == Alert.objects.count()
    for href, n in told.items():
        answer = city.get(href)
        assert (answer.status_code, answer.context["count"], len(answer.context["rows"])) == (200, n, n)
    for href in set(re.findall(r'href="(/alarm-kpis/records/\?[^"]+)"', page)):
        assert city.get(re.sub("&amp;", "&", href)).status_code == 200


def test_a_month_that_is_none_is_told_on_the_page(play: Situation) -> None:
    page = client(play, "county_supervisor").get("/alarm-kpis/?month=2027-01")
    assert (page.status_code, "还没有到" in page.content.decode()) == (200, True)


def test_a_duty_post_has_the_alarms_of_its_region_or_its_enterprise(play: Situation) -> None:
    account = play.cast["county_supervisor"]
    county = Post.objects.create(name="县值守", role="county_duty", region=REGION[:6])
    own = Post.objects.create(name="甲厂中控", role="operator", region=REGION, subject=play.firm.pk)
    other = Post.objects.create(name="邻县值守", role="county_duty", region="370811")
    groups = {g.place.key: g.told["raised"].value for g in
              performance.by_post(account, performance.found(account, Asked()))}
    n = Alert.objects.count()
    assert (groups[str(county.pk)], groups[str(own.pk)]) == (n, n)
    assert str(other.pk) not in groups
    page = client(play, "county_supervisor")
    assert page.get(f"/alarm-kpis/?post={own.pk}").context["found"].report.raised
    assert "不在您的管辖范围" in page.get(f"/alarm-kpis/?post={other.pk}").content.decode()


def test_a_number_that_is_none_is_refused_in_words(play: Situation) -> None:
    assert client(play, "county_supervisor").get("/alarm-kpis/records/?figure=no").status_code == 400
