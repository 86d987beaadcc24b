"""The working pages, as people use them: a real over-limit reading of 甲厂, handled, refused, verified, closed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from pytest_django import DjangoAssertNumQueries, Settings

from shouwang.engines.flows.models import Attachment, Matter
from shouwang.engines.notify.models import Notice
from shouwang.engines.rules.models import Alert
from shouwang.engines.subjects import credit_code
from shouwang.engines.subjects.models import Point, Region, Subject
from shouwang.engines.telemetry import live
from shouwang.kernel import clock
from shouwang.kernel.models import Account, Event, Grant
from shouwang.surfaces.console import points
from shouwang.testing import REGION, Situation

pytestmark = pytest.mark.django_db
START = datetime(2026, 6, 1, 8, 0, tzinfo=clock.LOCAL)
MOST = 25
GIVEN = {
    "enterprise": "甲厂", "line": "hazchem", "region": REGION, "facts": {"exposed_persons_500m": 60},
    "subject": {"kind": "tank", "name": "T-101"},
    "points": {"level": {"ll": 10, "l": 15, "h": 85, "hh": 90, "deadband": 1, "range_low": 0, "range_high": 100}},
}
HANDLED = {"reason": "true_abnormal", "measure": "已停止进料,正在倒罐"}


@pytest.fixture(autouse=True)
def _frozen(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.MEDIA_ROOT = tmp_path
    with clock.at(START):
        yield


@dataclass
class Town:
    """甲厂 over its limit, 乙厂 beside it, and their people."""

    play: Situation
    alert: Alert
    matter: Matter
    yi: Subject
    other: Account  # 乙厂's safety manager
    deputy: Account  # 甲厂's second safety manager

    def sign_in(self, who: str | Account) -> Client:
        client = Client()
        client.force_login(self.play.cast[who] if isinstance(who, str) else who)
        return client

    def fresh(self) -> Matter:
        return Matter.objects.get(pk=self.matter.pk)

    def recover(self) -> None:
        self.play.do_readings({"level": "1s: 50x20"})
        self.play.do_cleared("process_limit")

    def handle(self, client: Client, **more: Any) -> Any:
        form = {**HANDLED, "revision": self.fresh().revision, **more}
        return client.post(f"/matters/{self.matter.pk}/acts/submit/", form)


@pytest.fixture
def town() -> Town:
    lineage = (("37", "山东省", "province"), ("3708", "济宁市", "city"), ("370829", "嘉祥县", "county"))
    above = None
    for code, name, tier in lineage:
        above, _ = Region.objects.get_or_create(code=code, defaults={"name": name, "tier": tier, "parent": above})
    play = Situation(GIVEN, "hazchem")
    Region.objects.filter(code=REGION).update(parent=above)
    play.do_readings({"level": "1s: 50 95x5"})
    alert = play.alert("process_limit")
    assert alert is not None
    yi = Subject.objects.create(kind="enterprise", code=credit_code.make("91370829MA9000002"), name="乙厂",
                                region=REGION, line="hazchem")
    yi.top = yi
    yi.save()
    people = [Account.objects.create(username=name, name=name) for name in ("乙厂管理员", "甲厂副手")]
    Grant.objects.create(account=people[0], role="safety_manager", subject=yi.pk)
    Grant.objects.create(account=people[1], role="safety_manager", subject=play.firm.pk)
    return Town(play, alert, play.matter("warning"), yi, people[0], people[1])


def text(reply: Any) -> str:
    return str(reply.content.decode())


def picture() -> SimpleUploadedFile:
    out = BytesIO()
    Image.new("RGB", (8, 6), "orange").save(out, "JPEG")
    return SimpleUploadedFile("现场.jpg", out.getvalue(), "image/jpeg")


# today

def test_the_manager_sees_what_waits_and_one_button(town: Town) -> None:
    page = text(town.sign_in("safety_manager").get("/"))
    assert "轮到我办" in page
    assert f'href="/matters/{town.matter.pk}/"' in page
    assert "去办理" in page
    assert f'data-due="{town.matter.due_at.isoformat()}"' in page  # type: ignore[union-attr]


def test_nothing_waits_for_the_leader_who_sees_counts(town: Town) -> None:
    page = text(town.sign_in("leader").get("/"))
    assert "去办理" not in page
    assert "办理进度" in page
    assert "嘉祥县" in page


def test_an_engineer_sees_the_ingest_state(town: Town) -> None:
    person = Account.objects.create(username="运维", name="运维")
    Grant.objects.create(account=person, role="engineer")
    page = text(town.sign_in(person).get("/"))
    assert "数据接入" in page
    assert live.health()["problem"] in page  # nothing runs here, and the page says so


# the list

def test_tiles_count_what_their_click_lists(town: Town) -> None:
    client = town.sign_in("county_supervisor")
    told = client.get("/warnings/").context
    for tile in [*told["level_tiles"], *told["state_tiles"], *told["stage_tiles"]]:
        rows = client.get(f"/warnings/?{tile['href']}").context["page"].paginator.count
        assert rows == tile["n"], tile
    assert {t["n"] for t in told["level_tiles"]} == {0, 1}


def test_filters_narrow(town: Town) -> None:
    client = town.sign_in("county_supervisor")

    def found(query: str) -> int:
        return int(client.get(f"/warnings/?{query}").context["page"].paginator.count)

    assert [found(q) for q in ("level=red", "level=blue", "search=甲", "search=丙", "region=370829", "region=3702",
                               "scene=hazchem", "scene=mine_net", "matter=handle", "matter=verify", "mine=1",
                               "state=unacknowledged", "state=recovered", "hours=1", "order=oldest")] == [
        1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 1]
    town.recover()
    assert [found(q) for q in ("", "state=recovered", "state=all", "matter=handle")] == [0, 1, 1, 1]


def test_a_refresh_is_a_fragment(town: Town) -> None:
    reply = town.sign_in("county_supervisor").get("/warnings/", headers={"HX-Request": "true"})
    assert "<html" not in text(reply)
    assert f'id="w{town.alert.pk}"' in text(reply)


def test_a_stranger_factory_does_not_exist(town: Town) -> None:
    client = town.sign_in(town.other)
    assert client.get("/warnings/?state=all").context["page"].paginator.count == 0
    point = town.alert.point_id
    for path in (f"/warnings/{town.alert.pk}/", f"/matters/{town.matter.pk}/", f"/subjects/{town.play.firm.pk}/",
                 f"/points/{point}/", f"/points/{point}/live/", f"/points/{point}/series.json"):
        assert client.get(path).status_code == 404, path
    for path in (f"/warnings/{town.alert.pk}/acknowledge/", f"/matters/{town.matter.pk}/acts/submit/"):
        assert client.post(path, HANDLED).status_code == 404, path


# one warning

def test_the_page_tells_why_on_what_basis_and_who_by_when(town: Town) -> None:
    page = text(town.sign_in("county_supervisor").get(f"/warnings/{town.alert.pk}/"))
    for words in ("工艺参数越限", "高高报", "达到或高于限值 90", "企业工艺控制指标", "溢", "停止进出料",
                  "企业安全管理员", "镇街值守", "区县值守", "ISA B", "研判报警", "开出事项",
                  f"/points/{town.alert.point_id}/series.json"):
        assert words in page, words


def test_the_drawer_is_a_fragment_and_acknowledging_stays_in_it(town: Town) -> None:
    client, drawer = town.sign_in("county_supervisor"), {"HX-Request": "true", "X-Drawer": "1"}
    assert "<html" not in text(client.get(f"/warnings/{town.alert.pk}/", headers=drawer))
    reply = client.post(f"/warnings/{town.alert.pk}/acknowledge/", headers=drawer)
    assert reply.status_code == 200
    assert "已确认知悉" in text(reply)
    assert Alert.objects.get(pk=town.alert.pk).acked_by == "county_supervisor"


def test_without_script_acknowledging_comes_back_to_the_page(town: Town) -> None:
    client = town.sign_in("safety_manager")
    reply = client.post(f"/warnings/{town.alert.pk}/acknowledge/")
    assert reply["Location"] == f"/warnings/{town.alert.pk}/"
    assert "ISA C" in text(client.get(reply["Location"]))


def test_shelving_wants_a_reason_an_end_and_the_permission(town: Town) -> None:
    client, path = town.sign_in("county_supervisor"), f"/warnings/{town.alert.pk}/shelve/"
    until = (START + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
    for wrong in ({"until": until}, {"reason": "检维修"}, {"reason": "检维修", "until": "2027-01-01T08:00"}):
        assert client.post(path, wrong).status_code == 400, wrong
    assert town.sign_in("safety_manager").post(path, {"reason": "检维修", "until": until}).status_code == 403
    client.post(path, {"reason": "检维修", "until": until})
    assert client.get("/warnings/?state=shelved").context["page"].paginator.count == 1
    client.post(path, {"end": "1", "reason": "提前结束"})
    assert Alert.objects.get(pk=town.alert.pk).shelved_until is None


# the matter

def test_handled_while_over_the_limit_is_let_through_and_flagged(town: Town) -> None:
    client = town.sign_in("safety_manager")
    assert "当前值仍超限" in text(client.get(f"/matters/{town.matter.pk}/"))
    reply = town.handle(client, photo=picture())
    assert reply["Location"] == f"/matters/{town.matter.pk}/"
    assert town.fresh().state == "verify"
    page = text(town.sign_in("county_supervisor").get(f"/matters/{town.matter.pk}/"))
    assert "提交处置时未恢复" in page
    assert "已停止进料,正在倒罐" in page
    kept = Attachment.objects.get(matter=town.matter)
    assert f"/matters/{town.matter.pk}/files/{kept.pk}/" in page


def test_closing_while_over_the_limit_is_refused_and_what_was_typed_stays(town: Town) -> None:
    town.handle(town.sign_in("safety_manager"))
    supervisor, path = town.sign_in("county_supervisor"), f"/matters/{town.matter.pk}/acts/accept/"
    reply = supervisor.post(path, {"opinion": "现场已核", "revision": town.fresh().revision})
    assert reply.status_code == 403
    assert "仍达到或高于限值" in text(reply)
    assert "现场已核" in text(reply)
    assert town.fresh().state == "verify"
    town.recover()
    supervisor.post(path, {"opinion": "现场已核", "revision": town.fresh().revision})
    assert town.fresh().end == "done"
    assert "事项办结" in text(supervisor.get(f"/warnings/{town.alert.pk}/"))


def test_sending_back_returns_it_to_the_enterprise(town: Town) -> None:
    town.handle(town.sign_in("safety_manager"))
    supervisor, path = town.sign_in("county_supervisor"), f"/matters/{town.matter.pk}/acts/reject/"
    assert supervisor.post(path, {"revision": town.fresh().revision}).status_code == 400
    supervisor.post(path, {"why": "照片看不清", "revision": town.fresh().revision})
    assert town.fresh().state == "handle"
    assert "照片看不清" in text(town.sign_in("safety_manager").get(f"/matters/{town.matter.pk}/"))


def test_a_form_without_a_reason_comes_back_with_what_was_typed(town: Town) -> None:
    reply = town.handle(town.sign_in("safety_manager"), reason="")
    assert reply.status_code == 400
    assert "“原因”必须填写" in text(reply)
    assert HANDLED["measure"] in text(reply)
    assert town.fresh().state == "handle"


def test_a_fake_picture_is_refused(town: Town) -> None:
    fake = SimpleUploadedFile("现场.jpg", b"<script>alert(1)</script>", "image/jpeg")
    reply = town.handle(town.sign_in("safety_manager"), photo=fake)
    assert reply.status_code == 400
    assert "不是完好的照片" in text(reply)
    assert not Attachment.objects.exists()
    assert town.fresh().state == "handle"


def test_files_are_for_those_who_see_the_matter(town: Town) -> None:
    town.handle(town.sign_in("safety_manager"), photo=picture())
    path = f"/matters/{town.matter.pk}/files/{Attachment.objects.get().pk}/"
    shown = town.sign_in("county_supervisor").get(path)
    assert shown["Content-Type"] == "image/jpeg"
    assert "sandbox" in shown["Content-Security-Policy"]
    assert b"".join(shown.streaming_content)[:2] == b"\xff\xd8"  # type: ignore[attr-defined]
    assert town.sign_in(town.other).get(path).status_code == 404


def test_a_stale_page_is_told_so_kindly(town: Town) -> None:
    client, before = town.sign_in("safety_manager"), town.fresh().revision
    town.handle(client)
    reply = town.handle(client, revision=before)
    assert reply.status_code == 403
    assert "刷新" in text(reply)


def test_not_my_turn(town: Town) -> None:
    assert "acts/submit" not in text(town.sign_in("county_supervisor").get(f"/matters/{town.matter.pk}/"))
    reply = town.handle(town.sign_in("county_supervisor"))
    assert reply.status_code == 403
    assert "现在轮到企业安全管理员办理" in text(reply)


def test_delegation_offers_who_fits_and_keeps_a_reason(town: Town) -> None:
    client, path = town.sign_in("safety_manager"), f"/matters/{town.matter.pk}/delegate/"
    offered = {a.username for a in client.get(f"/matters/{town.matter.pk}/").context["stand_ins"]}
    assert offered == {"甲厂副手", "operator"}
    for wrong in ({"to": "operator", "reason": " "}, {"to": "乙厂管理员", "reason": "换人"}, {"reason": "换人"}):
        assert client.post(path, wrong).status_code == 400, wrong
    client.post(path, {"to": "operator", "reason": "我在外地"})
    assert f'href="/matters/{town.matter.pk}/"' in text(town.sign_in("operator").get("/"))
    assert town.handle(town.sign_in("operator")).status_code == 302


# duty calls

def test_an_unanswered_matter_calls_the_desk_which_reads_back(town: Town) -> None:
    town.play.do_after("11m")
    client = town.sign_in("town_duty")
    call = Notice.objects.get(must_read_back=True)
    page = text(client.get("/"))
    assert page.index(f'id="call-{call.pk}"') < page.index("未恢复预警")
    path = f"/notices/{call.pk}/read-back/"
    reply = client.post(path, {"text": "甲厂液位高高报,已派人", "level": "blue"})
    assert reply.status_code == 400
    assert "复诵的等级不对" in text(reply)
    assert "甲厂液位高高报,已派人" in text(reply)
    assert client.post(path, {"text": "甲厂液位高高报,已派人", "level": "red", "next": "/"})["Location"] == "/"
    assert "甲厂液位高高报,已派人" in text(town.sign_in("county_supervisor").get(f"/warnings/{town.alert.pk}/"))
    assert town.sign_in("safety_manager").post(path, {"text": "我来答", "level": "red"}).status_code == 403


def test_the_inbox_marks_read(town: Town) -> None:
    client = town.sign_in("safety_manager")
    assert client.get("/notices/?unread=1").context["page"].paginator.count == 1
    client.post("/notices/seen/")
    assert client.get("/notices/?unread=1").context["page"].paginator.count == 0


def test_after_a_read_back_nobody_is_sent_to_a_strange_place(town: Town) -> None:
    town.play.do_after("11m")
    call = Notice.objects.get(must_read_back=True)
    reply = town.sign_in("town_duty").post(f"/notices/{call.pk}/read-back/", {
        "text": "甲厂液位高高报", "level": "red", "next": "https://evil.example/"})
    assert reply["Location"] == "/notices/"


# registry and curves

def test_a_factory_page_has_tree_grading_and_what_is_open(town: Town) -> None:
    Subject.objects.create(kind="major_hazard", code="MH1", name="罐区重大危险源", parent=town.play.firm,
                           top=town.play.firm, region=REGION, line="hazchem",
                           facts={"grade": "3", "items": [{"name": "汽油", "q_t": 2000}]})
    page = text(town.sign_in("safety_manager").get(f"/subjects/{town.play.firm.pk}/"))
    for words in ("罐区重大危险源", "3 级", "Σ q/Q", "表1", "未恢复预警", "T-101", "液位", "嘉祥县"):
        assert words in page, words


def test_the_live_table_is_a_fragment_of_its_own(town: Town) -> None:
    reply = town.sign_in("safety_manager").get(f"/subjects/{town.play.firm.pk}/live/")
    assert "<html" not in text(reply)
    assert "无数据" in text(reply)  # nothing runs here: no value is made up


@pytest.mark.parametrize(("value", "zone", "now"), [
    (95.0, "hh", 95.0), (90.0, "hh", 90.0), (86.0, "h", 86.0), (50.0, "", 50.0), (15.0, "l", 15.0), (10.0, "ll", 10.0),
    (140.0, "hh", 100.0)])
def test_a_gauge_shows_where_a_value_stands(town: Town, value: float, zone: str, now: float) -> None:
    point = town.play.points["level"]
    point.refresh_from_db()
    reading = live.Live(0, value, "good")
    assert points.zone(point, reading) == zone
    assert points.gauge(point, reading) == {"now": now, "ll": 10.0, "l": 15.0, "h": 85.0, "hh": 90.0}


def test_a_silent_point_has_limits_but_no_value(town: Town) -> None:
    point = Point.objects.get(pk=town.alert.point_id)
    assert "now" not in (points.gauge(point, None) or {})
    assert points.zone(point, live.Live(0, None, "no_data")) == ""


def test_a_point_shows_its_limits_with_reset_delays_and_basis(town: Town) -> None:
    page = town.sign_in("county_supervisor").get(f"/points/{town.alert.point_id}/")
    told = [(b.slot, b.limit, b.reset, b.tier.level) for b in page.context["bounds"] if b.slot]
    assert told == [("LL", 10.0, 11.0, "orange"), ("L", 15.0, 16.0, "blue"), ("H", 85.0, 84.0, "yellow"),
                    ("HH", 90.0, 89.0, "red")]
    assert "企业工艺控制指标" in text(page)
    assert "本系统默认" in text(page)


def test_a_curve_comes_with_limits_and_episodes(town: Town) -> None:
    client, path = town.sign_in("county_supervisor"), f"/points/{town.alert.point_id}/series.json"
    told = client.get(path).json()
    assert {line["slot"]: line["value"] for line in told["limits"]} == {"LL": 10, "L": 15, "H": 85, "HH": 90}
    assert [(e["level"], e["to"]) for e in told["episodes"]] == [("red", None)]
    now = clock.now_ms()
    for wrong in (f"since={now}&until={now}", "since=x", f"since=0&until={now}", "since=²"):
        assert client.get(f"{path}?{wrong}").status_code == 400, wrong


def test_missing_readings_are_null_and_never_zero() -> None:
    assert points._plain(np.array([1.23456, np.nan, 0.0])) == [1.2346, None, 0.0]


def test_lists_are_exported_within_reach(town: Town) -> None:
    reply = town.sign_in(town.other).get("/subjects/export/?kind=enterprise&format=csv")
    assert "乙厂" in text(reply)
    assert "甲厂" not in text(reply)
    assert Event.objects.filter(type="subjects.exported", actor="乙厂管理员").count() == 1
    assert town.sign_in(town.other).get("/subjects/export/?format=pdf").status_code == 400


# cost

@pytest.mark.parametrize("who", ["county_supervisor", "safety_manager", "town_duty", "leader"])
def test_no_page_asks_more_than_25_questions(town: Town, who: str,
                                             django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    town.play.do_after("11m")
    firm, point = town.play.firm.pk, town.alert.point_id
    client = town.sign_in(who)
    for path in ("/", "/warnings/", "/warnings/?state=all&mine=1", f"/warnings/{town.alert.pk}/", "/matters/",
                 f"/matters/{town.matter.pk}/", "/notices/", "/subjects/", f"/subjects/{firm}/", f"/points/{point}/"):
        with django_assert_max_num_queries(MOST):
            assert client.get(path).status_code == 200, path


def test_more_rows_cost_no_more_questions(town: Town, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    for n in range(20):
        top = Subject.objects.create(kind="enterprise", code=f"X{n}", name=f"第{n}厂", region=f"3708290{n:02d}",
                                     line="hazchem")
        top.top = top
        top.save()
        point = Point.objects.create(subject=top, code=f"X{n}-P", name="液位", quantity="level", unit="%")
        Alert.objects.create(rule="hazchem.process_limit", scene="hazchem", point=point, subject=top, top=top,
                             region=top.region, line="hazchem", tier=2, level="red", highest="red", opened_at=START,
                             raised_at=START, recorded_at=START, last_value=95, limit_value=90, unit="%", seq=n)
    client = town.sign_in("county_supervisor")
    for path in ("/warnings/", "/subjects/", "/"):
        with django_assert_max_num_queries(18):
            assert client.get(path).status_code == 200, path


def test_the_filtered_list_is_exported_and_written_down(town: Town) -> None:
    client = town.sign_in("county_supervisor")
    for path, named in (("/warnings/", "A"), ("/matters/", "M")):
        sheet = client.get(f"{path}export/?format=csv").content.decode("utf-8-sig").splitlines()
        assert sheet[0].startswith("编号,等级")
        assert sheet[1].startswith(named)
        assert client.get(f"{path}export/?format=xlsx").content.startswith(b"PK")
        assert client.get(f"{path}export/?format=exe").status_code == 400
    assert len(client.get("/warnings/export/?format=csv&level=blue").content.decode().splitlines()) == 1
    assert Event.objects.filter(type="lists.exported").count() == 5
