"""What the wall answers: to whom, about where, in how many queries."""

import json
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from shouwang.engines.subjects.models import Region, Subject
from shouwang.kernel.models import Account

from . import scenery

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _only_the_wall(settings: Settings) -> None:
    settings.ROOT_URLCONF = "shouwang.surfaces.wall.tests.urls"
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    cache.clear()


@pytest.fixture
def plant() -> Subject:
    """甲厂 in 嘉祥县, with a red and a blue alert open and one closed."""
    made = scenery.enterprise("E1", "甲厂", "370829001")
    scenery.matter(scenery.alert(made, "red"), rung=1)
    scenery.matter(scenery.alert(made, "blue", hours=3), "verify")
    scenery.matter(scenery.alert(made, "yellow", active=False, hours=5), "closed")
    return made


@pytest.fixture
def other() -> Subject:
    """乙厂 in 任城区, one yellow alert."""
    made = scenery.enterprise("E2", "乙厂", "370811")
    scenery.matter(scenery.alert(made, "yellow"))
    return made


def signed_in(person: Account) -> Client:
    client = Client()
    client.force_login(person)
    return client


def ask(client: Client, url: str, status: int = 200) -> Any:
    answer = client.get(url)
    assert answer.status_code == status, answer.content[:300]
    return json.loads(answer.content) if status == 200 else None


@pytest.fixture
def city() -> Client:
    return signed_in(scenery.account("市局", "city_supervisor", "3708"))


@pytest.fixture
def county() -> Client:
    return signed_in(scenery.account("嘉祥", "county_supervisor", "370829"))


def test_enterprises_carry_their_worst_open_level(city: Client, plant: Subject, other: Subject) -> None:
    rows = ask(city, "/wall/enterprises.json")["rows"]
    assert [[r[0], r[1], r[4], r[5]] for r in rows] == [[plant.pk, "甲厂", "red", 2], [other.pk, "乙厂", "yellow", 1]]


def test_the_summary_counts_what_is_there(city: Client, plant: Subject, other: Subject) -> None:
    told = ask(city, "/wall/summary.json")
    assert told["levels"] == {"red": 1, "orange": 0, "yellow": 1, "blue": 0, "none": 0}
    assert told["funnel"] == {"handle": 2, "verify": 1, "escalated": 1, "closed": 1}
    assert {k: told["kpis"][k] for k in ("enterprises", "points", "alerts", "closing")} == {
        "enterprises": 2, "points": 2, "alerts": 4, "closing": 25.0}
    assert sum(told["trend"]["red"]) == 1
    assert sum(told["trend"]["yellow"]) == 2
    rates = {c["name"]: (c["closed"], c["opened"]) for c in told["closing"]}
    assert rates["嘉祥县"] == (1, 3)
    assert rates["任城区"] == (0, 1)
    assert rates["曲阜市"] == (0, 0)
    assert [a["enterprise"] for a in told["ticker"]][:1] == ["乙厂"]


def test_no_online_number_is_made_up_while_ingest_does_not_run(city: Client, plant: Subject) -> None:
    assert ask(city, "/wall/summary.json")["kpis"]["online"] is None


def test_a_county_sees_only_the_county(county: Client, plant: Subject, other: Subject) -> None:
    assert [r[1] for r in ask(county, "/wall/enterprises.json")["rows"]] == ["甲厂"]
    told = ask(county, "/wall/summary.json")
    assert told["place"]["name"] == "嘉祥县"
    assert told["place"]["way"] == [["370829", "嘉祥县"]], "no way up out of the county"
    assert told["place"]["siblings"] == []
    assert told["levels"]["yellow"] == 0
    assert {a["enterprise"] for a in told["ticker"]} == {"甲厂"}


@pytest.mark.parametrize("url", ["/wall/", "/wall/map.json", "/wall/enterprises.json", "/wall/summary.json"])
@pytest.mark.parametrize("region", ["3708", "370811", "33", "abc", "3708290010021"])
def test_out_of_reach_does_not_exist(county: Client, url: str, region: str) -> None:
    ask(county, f"{url}?region={region}", 404)


def test_the_card_of_an_enterprise(county: Client, plant: Subject, other: Subject) -> None:
    card = ask(county, f"/wall/enterprise/{plant.pk}.json")
    assert (card["level"], card["open"], card["points"], card["matters"]) == ("red", 2, 1, 2)
    assert [a["level"] for a in card["alerts"]] == ["red", "blue"]
    ask(county, f"/wall/enterprise/{other.pk}.json", 404)


def test_who_may_not_see_the_wall(plant: Subject) -> None:
    manager = signed_in(scenery.account("甲厂安全员", "safety_manager", "370829", plant.pk))
    for url in ("/wall/map.json", "/wall/enterprises.json", "/wall/summary.json"):
        assert manager.get(url).status_code == 403
        assert Client().get(url).status_code == 302


def test_a_county_shows_its_towns(county: Client, plant: Subject) -> None:
    home = Region.objects.create(code="370829", name="嘉祥县", tier="county")
    Region.objects.create(code="370829001", name="卧龙山街道", tier="town", parent=home, lon=116.3, lat=35.4)
    told = ask(county, "/wall/summary.json")
    assert told["towns"] == [["370829001", "卧龙山街道", 116.3, 35.4]]
    assert told["closing"] == [{"code": "370829001", "name": "卧龙山街道", "opened": 3, "closed": 1}]


def test_a_scene_shows_only_its_own(city: Client, plant: Subject) -> None:
    mine = scenery.enterprise("E3", "丙煤矿", "370883", line="coal")
    scenery.alert(mine, "orange", scene="mine_net")
    assert [r[1] for r in ask(city, "/wall/enterprises.json?scene=mine_net")["rows"]] == ["丙煤矿"]
    assert ask(city, "/wall/summary.json?scene=mine_net")["kpis"]["alerts"] == 1
    ask(city, "/wall/summary.json?scene=nothing", 404)


def test_an_account_for_everywhere_opens_where_the_enterprises_are(plant: Subject, other: Subject) -> None:
    told = ask(signed_in(scenery.account("省厅", "leader", "")), "/wall/summary.json")
    assert told["place"]["code"] == "3708"
    assert [c for c, _ in told["place"]["way"]] == ["", "37", "3708"]


def test_unchanged_answers_cost_nothing(city: Client, plant: Subject) -> None:
    for url in ("/wall/map.json", "/wall/enterprises.json", "/wall/summary.json"):
        etag = city.get(url).headers["ETag"]
        assert city.get(url, headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize(("url", "queries"), [
    ("/wall/map.json", 3), ("/wall/enterprises.json", 5), ("/wall/summary.json", 14)])
def test_queries_do_not_grow_with_the_city(city: Client, plant: Subject, url: str, queries: int,
                                           django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for n in range(12):
        scenery.matter(scenery.alert(scenery.enterprise(f"X{n}", f"企业{n}", "370811"), "blue"))
    with django_assert_num_queries(queries):
        ask(city, url)


def test_accounts_of_one_reach_share_an_answer_and_others_never(city: Client, county: Client, plant: Subject,
                                                               other: Subject) -> None:
    assert len(ask(city, "/wall/enterprises.json?region=370829")["rows"]) == 1
    assert len(ask(county, "/wall/enterprises.json")["rows"]) == 1
    colleague = signed_in(scenery.account("市局乙", "city_supervisor", "3708"))
    assert ask(colleague, "/wall/enterprises.json") == ask(city, "/wall/enterprises.json")


def test_the_page_shows_no_approval_number_of_ours(city: Client, plant: Subject, settings: Settings) -> None:
    page = city.get("/wall/").content.decode()
    assert "审图号由部署单位配置" in page
    settings.MAP_APPROVAL = "GS(2026)0001号"
    assert "审图号:GS(2026)0001号" in city.get("/wall/").content.decode()


def test_the_page_has_no_inline_script(city: Client, plant: Subject) -> None:
    page = city.get("/wall/").content.decode()
    assert page.count("<script") == 2
    assert 'type="application/json"' in page
    assert " onclick=" not in page
