"""The pages of those who run the place: what they give out, to whom, and what they refuse."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from shouwang.engines.notify import roster
from shouwang.engines.notify.models import Post, Shift
from shouwang.engines.subjects import credit_code
from shouwang.engines.subjects.models import Region, Subject
from shouwang.engines.telemetry import credentials
from shouwang.engines.telemetry.models import Source
from shouwang.kernel import clock, events, orders, params
from shouwang.kernel.errors import BadInput, NotAllowed
from shouwang.kernel.models import Account, ApiToken, Event, Grant, Param
from shouwang.surfaces.console import appoint, password

pytestmark = pytest.mark.django_db
SECRET = "守望-2026-长口令"
FAST = ["django.contrib.auth.hashers.MD5PasswordHasher"]
JIA, YI = credit_code.make("91370829MA9000001"), credit_code.make("91370830MA9000002")


@dataclass
class Cast:
    """甲厂 in 嘉祥, 乙厂 in 汶上, and who runs what."""

    jia: Subject
    yi: Subject
    admin: Account  # everything, everywhere
    city: Account
    city2: Account
    county: Account  # 嘉祥
    engineer: Account
    desk: Account  # 嘉祥 duty desk
    manager: Account  # 甲厂


@pytest.fixture(autouse=True)
def _fast(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.PASSWORD_HASHERS = FAST
    settings.MEDIA_ROOT = tmp_path
    yield
    params._rows = None  # what a test approved is gone with its transaction


def person(username: str, *grants: tuple[str, str], subject: int | None = None) -> Account:
    made = Account.objects.create_user(username, SECRET, name=username)
    for role, region in grants:
        Grant.objects.create(account=made, role=role, region=region, subject=subject)
    return made


@pytest.fixture
def cast() -> Cast:
    shandong = Region.objects.create(code="37", name="山东省", tier="province")
    jining = Region.objects.create(code="3708", name="济宁市", tier="city", parent=shandong)
    jiaxiang = Region.objects.create(code="370829", name="嘉祥县", tier="county", parent=jining)
    Region.objects.create(code="370830", name="汶上县", tier="county", parent=jining)
    Region.objects.create(code="370829001", name="样例一街道", tier="town", parent=jiaxiang)
    firms = []
    for code, name, region in ((JIA, "甲厂", "370829001"), (YI, "乙厂", "370830")):
        firm = Subject.objects.create(kind="enterprise", code=code, name=name, region=region, line="hazchem")
        Subject.objects.filter(pk=firm.pk).update(top=firm)
        firms.append(Subject.objects.get(pk=firm.pk))
    return Cast(
        firms[0], firms[1], person("admin", ("engineer", ""), ("city_supervisor", "")),
        person("city", ("city_supervisor", "3708")), person("city2", ("city_supervisor", "3708")),
        person("county", ("county_supervisor", "370829")), person("engineer", ("engineer", "3708")),
        person("desk", ("county_duty", "370829")),
        person("manager", ("safety_manager", "370829001"), subject=firms[0].pk))


def enter(account: Account) -> Client:
    client = Client()
    client.force_login(account)
    return client


def text(answer: Any) -> str:
    return str(answer.content.decode())


# own password, second factor, tokens

def test_a_password_from_anothers_hand_must_be_changed_before_anything_else(cast: Cast) -> None:
    Account.objects.filter(pk=cast.city.pk).update(must_change_password=True)
    client = enter(cast.city)
    for url in ("/", "/accounts/", "/params/"):
        assert client.get(url).headers["Location"] == "/password/"
    assert client.get("/api/v1/sources").status_code == 403
    answer = client.post("/password/", {"old": SECRET, "new": "另一个长口令-2027", "again": "另一个长口令-2027"})
    assert answer.status_code == 302
    assert client.get("/params/").status_code == 200
    assert Event.objects.filter(type="access.password_changed", actor="city").count() == 1


@pytest.mark.parametrize(("old", "new", "again"), [
    ("不对", "另一个长口令-2027", "另一个长口令-2027"), (SECRET, "另一个长口令-2027", "另一个长口令-2028"),
    (SECRET, SECRET, SECRET), (SECRET, "短", "短"), (SECRET, "12345678901", "12345678901"),
    (SECRET, "password123", "password123")])
def test_a_bad_new_password_changes_nothing(cast: Cast, old: str, new: str, again: str) -> None:
    assert enter(cast.city).post("/password/", {"old": old, "new": new, "again": again}).status_code == 400
    cast.city.refresh_from_db()
    assert cast.city.check_password(SECRET)


def test_changing_the_password_ends_the_other_sessions(cast: Cast) -> None:
    here, there = enter(cast.city), enter(cast.city)
    here.post("/password/", {"old": SECRET, "new": "另一个长口令-2027", "again": "另一个长口令-2027"})
    assert here.get("/params/").status_code == 200
    assert there.get("/params/").status_code == 302


def test_five_wrong_passwords_lock_the_account_and_a_right_one_does_not_open_it(cast: Cast) -> None:
    client = Client()
    for _n in range(5):
        assert client.post("/login/", {"username": "city", "password": "错"}).status_code == 400
    assert client.post("/login/", {"username": "city", "password": SECRET}).status_code == 400
    assert Event.objects.filter(type="access.locked", actor="city").count() == 1
    appoint.unlock(cast.admin, Account.objects.get(username="city"))
    assert client.post("/login/", {"username": "city", "password": SECRET}).status_code == 302


def test_the_lock_also_counts_guesses_on_the_password_page(cast: Cast) -> None:
    client = enter(cast.city)
    for _n in range(5):
        client.post("/password/", {"old": "错", "new": "另一个长口令-2027", "again": "另一个长口令-2027"})
    cast.city.refresh_from_db()
    assert cast.city.locked_until is not None


def test_the_second_factor_is_on_only_after_a_right_code_and_a_code_works_once(cast: Cast) -> None:
    client = enter(cast.city)
    page = text(client.get("/second-factor/"))
    assert "data:image/svg+xml;base64," in page
    secret = client.session[password.PENDING]
    with clock.at(clock.now()):
        code = pyotp.TOTP(secret).at(int(clock.now().timestamp()))
        wrong = f"{(int(code) + 1) % 1_000_000:06d}"
        assert client.post("/second-factor/", {"code": wrong}).status_code == 400
        assert not Account.objects.get(pk=cast.city.pk).totp_secret
        assert client.post("/second-factor/", {"code": code}).status_code == 302
        assert Account.objects.get(pk=cast.city.pk).totp_secret == secret
        login = Client()
        login.post("/login/", {"username": "city", "password": SECRET})
        assert login.post("/login/", {"code": code}).status_code == 400, "the code that enrolled is used up"
        clock.advance(timedelta(seconds=60))
        login.post("/login/", {"username": "city", "password": SECRET})
        fresh = pyotp.TOTP(secret).at(int(clock.now().timestamp()))
        assert login.post("/login/", {"code": fresh}).status_code == 302
        again = Client()
        again.post("/login/", {"username": "city", "password": SECRET})
        assert again.post("/login/", {"code": fresh}).status_code == 400


def test_the_second_factor_goes_off_with_the_password_only(cast: Cast) -> None:
    Account.objects.filter(pk=cast.city.pk).update(totp_secret=pyotp.random_base32())
    client = enter(cast.city)
    assert client.post("/second-factor/", {"password": "错"}).status_code == 400
    assert Account.objects.get(pk=cast.city.pk).totp_secret
    assert client.post("/second-factor/", {"password": SECRET}).status_code == 302
    assert not Account.objects.get(pk=cast.city.pk).totp_secret


def test_a_token_is_shown_once_kept_as_a_hash_and_stops_when_revoked(cast: Cast) -> None:
    client = enter(cast.city)
    page = text(client.post("/tokens/", {"name": "大屏", "days": "30"}))
    token = found[1] if (found := re.search(r'class="code">([\w-]{43})<', page)) else ""
    assert token
    assert token not in text(client.get("/tokens/"))
    assert token not in json.dumps(list(ApiToken.objects.values_list("hash", flat=True)))
    bearer = {"Authorization": f"Bearer {token}"}
    assert Client().get("/api/v1/sources", headers=bearer).status_code == 200
    made = ApiToken.objects.get()
    assert enter(cast.county).post(f"/tokens/{made.pk}/revoke/").status_code == 404
    assert client.post(f"/tokens/{made.pk}/revoke/").status_code == 302
    assert Client().get("/api/v1/sources", headers=bearer).status_code == 401


@pytest.mark.parametrize("days", ["0", "731", "-1", "", "1e3", "٣"])
def test_a_token_has_an_end(cast: Cast, days: str) -> None:
    assert enter(cast.city).post("/tokens/", {"name": "大屏", "days": days}).status_code == 400
    assert not ApiToken.objects.exists()


def test_without_the_csrf_token_nothing_changes(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.admin)
    for url in ("/tokens/", "/password/", "/accounts/create/", f"/accounts/{cast.city.pk}/off/", "/imports/commit/",
                "/regions/add/", "/ingest/sources/make/", "/params/access.failures/propose/", "/rosters/make/"):
        assert client.post(url, {"name": "x", "days": "3"}).status_code == 403, url
    assert not ApiToken.objects.exists()
    assert Account.objects.get(pk=cast.city.pk).is_active


# accounts

def test_a_new_account_gets_a_password_that_is_shown_once(cast: Cast) -> None:
    client = enter(cast.city)
    page = text(client.post("/accounts/create/", {"username": "wangge1", "name": "小王", "role": "grid_member",
                                                  "region": "370829001"}))
    shown = found[1] if (found := re.search(r'class="code">(\w{12})<', page)) else ""
    made = Account.objects.get(username="wangge1")
    assert made.check_password(shown)
    assert made.must_change_password
    assert shown not in text(client.get(f"/accounts/{made.pk}/"))
    assert shown not in json.dumps(list(Event.objects.values_list("data", flat=True)))
    types = set(Event.objects.filter(actor="city", about=f"account:{made.pk}").values_list("type", flat=True))
    assert types == {"accounts.created", "accounts.granted"}


@pytest.mark.parametrize(("role", "region", "enterprise"), [
    ("grid_member", "3709", ""), ("grid_member", "", ""), ("grid_member", "37", ""), ("engineer", "3708", ""),
    ("safety_manager", "3708", ""), ("officer", "3708", ""), ("nobody", "3708", ""), ("grid_member", "370899", "")])
def test_nobody_gives_more_or_further_than_they_hold(cast: Cast, role: str, region: str, enterprise: str) -> None:
    Region.objects.create(code="3709", name="泰安市", tier="city", parent=Region.objects.get(code="37"))
    answer = enter(cast.city).post("/accounts/create/", {
        "username": "xinren", "name": "新人", "role": role, "region": region, "enterprise": enterprise})
    assert answer.status_code == 400
    assert not Account.objects.filter(username="xinren").exists()


def test_duties_of_enterprises_and_desks_may_be_given_without_holding_them(cast: Cast) -> None:
    made, _password = appoint.create(cast.city, {"username": "anquan", "name": "安全员", "role": "safety_manager",
                                                 "enterprise": JIA})
    only = made.grants.get()
    assert (only.region, only.subject) == ("370829001", cast.jia.pk)
    appoint.create(cast.city, {"username": "zhiban", "name": "值班", "role": "county_duty", "region": "370829"})


def test_a_grant_bound_to_a_line_or_an_enterprise_gives_no_more_than_that(cast: Cast) -> None:
    coal = Account.objects.create(username="coal", name="煤")
    Grant.objects.create(account=coal, role="city_supervisor", region="3708", line="coal")
    for line in ("", "hazchem"):
        with pytest.raises(NotAllowed):
            appoint.create(coal, {"username": "meikuang", "name": "煤矿监管", "role": "county_supervisor",
                                  "region": "370829", "line": line})
    appoint.create(coal, {"username": "meikuang", "name": "煤矿监管", "role": "county_supervisor", "region": "370829",
                          "line": "coal"})


def test_who_could_not_have_given_the_grants_cannot_take_the_account_over(cast: Cast) -> None:
    client = enter(cast.engineer)
    for what in ("reset", "off", "unlock", "no-code"):
        assert client.post(f"/accounts/{cast.city.pk}/{what}/").status_code == 403, what
    assert Account.objects.get(pk=cast.city.pk).check_password(SECRET)
    wide = person("wide", ("grid_member", "370829001"), ("city_supervisor", ""))
    assert enter(cast.city).post(f"/accounts/{wide.pk}/reset/").status_code == 403


def test_nobody_changes_their_own_account(cast: Cast) -> None:
    client = enter(cast.admin)
    assert client.post(f"/accounts/{cast.admin.pk}/off/").status_code == 403
    grant = cast.admin.grants.first()
    assert grant is not None
    client.post(f"/accounts/{cast.admin.pk}/grants/{grant.pk}/withdraw/")
    client.post(f"/accounts/{cast.admin.pk}/grant/", {"role": "officer", "region": "", "credential": "1",
                                                     "valid_until": "2099-01-01"})
    assert cast.admin.grants.count() == 2
    assert Account.objects.get(pk=cast.admin.pk).is_active


def test_accounts_out_of_reach_do_not_exist(cast: Cast) -> None:
    far = person("far", ("county_supervisor", "370102"))
    client = enter(cast.city)
    assert "far" not in text(client.get("/accounts/"))
    assert client.get(f"/accounts/{far.pk}/").status_code == 404
    assert client.post(f"/accounts/{far.pk}/off/").status_code == 404
    assert enter(cast.county).get("/accounts/").status_code == 403


def test_switching_off_ends_the_sessions_and_the_last_grant_stays(cast: Cast) -> None:
    theirs = enter(cast.county)
    client = enter(cast.city)
    grant = cast.county.grants.get()
    client.post(f"/accounts/{cast.county.pk}/grants/{grant.pk}/withdraw/")
    assert cast.county.grants.count() == 1
    client.post(f"/accounts/{cast.county.pk}/off/")
    assert theirs.get("/params/").status_code == 302
    client.post(f"/accounts/{cast.county.pk}/on/")
    types = list(Event.objects.filter(type__startswith="accounts.").order_by("pk").values_list("type", flat=True))
    assert types == ["accounts.switched_off", "accounts.switched_on"]


# params

HANDLE = "flows.handle_within"
WANTED = {"red": "20m", "orange": "60m", "yellow": "240m", "blue": "1440m"}


def ask(client: Client, **changes: str) -> Any:
    given = {"locality": "cn_3708", "since": clock.today().isoformat(), "value": json.dumps(WANTED), "mark": "V",
             "basis": "市安委办〔2026〕1 号", "reason": "缩短红色时限", **changes}
    return client.post(f"/params/{HANDLE}/propose/", given)


def test_a_value_counts_after_another_person_approved_it(cast: Cast, django_capture_on_commit_callbacks: Any) -> None:
    today = clock.today()
    assert ask(enter(cast.city)).status_code == 302
    row = Param.objects.get()
    assert params.value(HANDLE, today, "cn_370829")["red"] == "30m"
    assert enter(cast.city).post(f"/params/proposals/{row.pk}/approve/").status_code == 403, "four eyes"
    assert enter(cast.county).post(f"/params/proposals/{row.pk}/approve/").status_code == 403, "no right to approve"
    with django_capture_on_commit_callbacks(execute=True):
        assert enter(cast.city2).post(f"/params/proposals/{row.pk}/approve/").status_code == 302
    assert params.value(HANDLE, today, "cn_370829")["red"] == "20m"
    assert params.value(HANDLE, today, "cn_370102")["red"] == "30m"
    assert params.value(HANDLE, today - timedelta(days=1), "cn_370829")["red"] == "30m"
    assert enter(cast.city2).post(f"/params/proposals/{row.pk}/approve/").status_code == 404, "once"
    told = Event.objects.filter(about=f"param:{row.pk}").order_by("pk").values_list("type", "actor")
    assert list(told) == [("params.proposed", "city"), ("params.approved", "city2")]
    assert "city2" in text(enter(cast.city).get(f"/params/{HANDLE}/"))


@pytest.mark.parametrize("change", [
    {"locality": "cn"}, {"locality": "cn_3709"}, {"locality": "cn_37"}, {"locality": "us"}, {"since": "昨天"},
    {"since": (date(2020, 1, 1)).isoformat()}, {"basis": " "}, {"reason": ""}, {"mark": "X"}, {"value": "30m"},
    {"value": '{"red": "20m"}'}, {"value": json.dumps({**WANTED, "purple": "1m"})},
    {"value": json.dumps({**WANTED, "red": 20})}, {"value": json.dumps({**WANTED, "red": "soon"})}, {"value": "{"},
    {"value": json.dumps({**WANTED, "red": "99999999999999d"})}])
def test_a_proposal_that_cannot_be_is_refused(cast: Cast, change: dict[str, str]) -> None:
    assert ask(enter(cast.city), **change).status_code == 400
    assert not Param.objects.exists()


@pytest.mark.parametrize(("typed", "now", "good"), [
    ("5", 3, True), ("5.5", 3, True), ("true", 3, False), ("NaN", 3, False), ("1e400", 3, False), ('"5"', 3, False),
    ("30m", "15m", True), ('"30m"', "15m", True), ("30 min", "15m", False), ("", "15m", False),
    ("[1, 2]", [3], True), ("[]", [3], False), ('{"a": {"b": 1}}', {"a": {"b": 2}}, True),
    ('{"a": {"c": 1}}', {"a": {"b": 2}}, False), ("[" * 3000, 3, False)])
def test_what_is_typed_has_the_shape_of_what_is_in_force(typed: str, now: Any, good: bool) -> None:
    if good:
        orders.typed("x", typed, now)
    else:
        with pytest.raises(BadInput):
            orders.typed("x", typed, now)


def test_a_rejected_proposal_is_gone_but_its_words_stay(cast: Cast) -> None:
    ask(enter(cast.city))
    row = Param.objects.get()
    assert enter(cast.city2).post(f"/params/proposals/{row.pk}/reject/", {"reason": ""}).status_code == 400
    enter(cast.city2).post(f"/params/proposals/{row.pk}/reject/", {"reason": "依据不足"})
    assert not Param.objects.exists()
    told = Event.objects.get(type="params.rejected")
    assert (told.data["why"], told.data["value"]) == ("依据不足", WANTED)


def test_a_proposal_whose_day_has_passed_cannot_be_approved(cast: Cast) -> None:
    row = orders.propose(cast.city, "access.failures", locality="cn_3708", since=clock.today(), value="4", basis="b",
                         mark="D", reason="r")
    with clock.at(clock.now() + timedelta(days=1)), pytest.raises(BadInput):
        orders.approve(cast.city2, row)


def test_a_line_bound_supervisor_does_not_move_everybodys_limits(cast: Cast) -> None:
    coal = Account.objects.create(username="coal", name="煤")
    Grant.objects.create(account=coal, role="city_supervisor", region="3708", line="coal")
    with pytest.raises(NotAllowed):
        orders.propose(coal, "access.failures", locality="cn_3708", since=clock.today(), value="4", basis="b", mark="D",
                       reason="r")


# rosters

def test_a_week_is_arranged_changed_and_copied_and_gaps_are_told(cast: Cast) -> None:
    desk2 = person("desk2", ("county_duty", "370829"))
    post = Post.objects.create(name="嘉祥县应急值守", role="county_duty", region="370829")
    client, now = enter(cast.county), clock.now().astimezone(clock.LOCAL)
    starts, ends = now - timedelta(hours=1), now + timedelta(hours=8)
    given = {"person": cast.desk.pk, "starts": f"{starts:%Y-%m-%dT%H:%M}", "ends": f"{ends:%Y-%m-%dT%H:%M}"}
    assert client.post(f"/rosters/{post.pk}/add/", given).status_code == 302
    assert client.post(f"/rosters/{post.pk}/add/", given).status_code == 400, "twice at the same time"
    assert [a.username for a in roster.on_duty(post)] == ["desk"]
    page = text(client.get("/rosters/"))
    assert "desk" in page
    assert f"/rosters/{post.pk}/" in text(client.get("/rosters/?gaps=1"))
    shift = Shift.objects.get()
    client.post(f"/rosters/shifts/{shift.pk}/replace/", {"person": desk2.pk, "reason": "病假"})
    assert [a.username for a in roster.on_duty(post)] == ["desk2"]
    assert Event.objects.filter(type="notify.shift_replaced").count() == 1
    monday = starts.date() - timedelta(days=starts.weekday())
    client.post(f"/rosters/{post.pk}/copy/", {"week": monday.isoformat(), "weeks": "1"})
    assert Shift.objects.filter(starts__gt=clock.now() + timedelta(days=5)).exists()
    assert client.get(f"/rosters/{post.pk}/?week=2026-02-30").status_code == 200


def test_rosters_elsewhere_are_not_there_and_readers_do_not_arrange(cast: Cast) -> None:
    post = Post.objects.create(name="汶上县应急值守", role="county_duty", region="370830")
    own = Post.objects.create(name="嘉祥县应急值守", role="county_duty", region="370829")
    assert enter(cast.county).get(f"/rosters/{post.pk}/").status_code == 404
    reader = enter(cast.desk)
    assert "加班次" not in text(reader.get(f"/rosters/{own.pk}/"))
    assert reader.post(f"/rosters/{own.pk}/add/", {}).status_code == 403


def test_somebody_who_may_not_answer_is_not_put_on_duty(cast: Cast) -> None:
    post = Post.objects.create(name="嘉祥县应急值守", role="county_duty", region="370829")
    answer = enter(cast.county).post(f"/rosters/{post.pk}/add/", {
        "person": cast.manager.pk, "starts": "2099-01-01T08:00", "ends": "2099-01-01T20:00"})
    assert answer.status_code == 400
    assert not Shift.objects.exists()


# ingest

def test_a_source_token_is_shown_once_and_renewed(cast: Cast) -> None:
    client = enter(cast.engineer)
    page = text(client.post("/ingest/sources/make/", {"name": "甲厂网关", "kind": "gateway", "enterprise": JIA}))
    token = found[1] if (found := re.search(r'class="code">([\w-]{32})<', page)) else ""
    source = Source.objects.get()
    assert source.token_hash == credentials.digest(token)
    assert token not in text(client.get("/ingest/sources/"))
    client.post(f"/ingest/sources/{source.pk}/rotate/")
    client.post(f"/ingest/sources/{source.pk}/disable/")
    source.refresh_from_db()
    assert (source.token_hash != credentials.digest(token), source.enabled) == (True, False)
    assert Event.objects.filter(type__startswith="telemetry.", actor="engineer").count() == 3


def test_sources_are_made_only_within_reach(cast: Cast) -> None:
    Grant.objects.filter(account=cast.engineer).update(region="370829")
    client = enter(cast.engineer)
    for enterprise in (YI, "", "91370830MA9000009X"):
        answer = client.post("/ingest/sources/make/", {"name": "网关", "kind": "gateway", "enterprise": enterprise})
        assert answer.status_code == 400, enterprise
    other, _token = credentials.make_source("乙厂网关", "gateway", cast.yi)
    assert client.post(f"/ingest/sources/{other.pk}/rotate/").status_code == 404
    assert enter(cast.county).get("/ingest/sources/").status_code == 403


def test_a_stopped_ingest_process_is_told_and_not_an_error(cast: Cast) -> None:
    page = text(enter(cast.engineer).get("/ingest/"))
    assert "接入进程没有应答" in page
    assert enter(cast.manager).get("/ingest/").status_code == 403


# audit

def test_the_trail_is_seen_within_reach_with_causes_and_effects(cast: Cast) -> None:
    first = events.emit("subjects.created", subject=cast.jia.pk, actor="county", about="subject:1")
    with events.because(first):
        second = events.emit("subjects.updated", subject=cast.jia.pk, actor="", about="subject:1")
    far = events.emit("subjects.created", subject=cast.yi.pk, actor="someone")
    Grant.objects.create(account=cast.county, role="leader", region="370829")
    client = enter(cast.county)
    page = text(client.get("/audit/"))
    assert f"/audit/{first.pk}/" in page
    assert f"/audit/{far.pk}/" not in page
    assert client.get(f"/audit/{far.pk}/").status_code == 404
    assert f"/audit/{first.pk}/" in text(client.get(f"/audit/{second.pk}/")), "its cause"
    assert f"/audit/{second.pk}/" in text(client.get(f"/audit/{first.pk}/")), "its effect"
    assert f"/audit/{far.pk}/" in text(enter(cast.city).get("/audit/"))
    assert enter(cast.manager).get("/audit/").status_code == 403


def test_filters_narrow_and_the_export_goes_into_the_trail(cast: Cast) -> None:
    one = events.emit("access.locked", actor="=cmd|' /C calc'!A0")
    two = events.emit("subjects.created", subject=cast.jia.pk, actor="county")
    client = enter(cast.city)
    for query, yes, no in ((f"type={one.type}", one, two), ("type=subjects.", two, one), ("actor=county", two, one),
                           ("subject=甲厂", two, one), (f"subject={cast.jia.pk}", two, one)):
        page = text(client.get(f"/audit/?{query}"))
        assert f"/audit/{yes.pk}/" in page, query
        assert f"/audit/{no.pk}/" not in page, query
    assert f"/audit/{two.pk}/" not in text(client.get("/audit/?to=2020-01-01"))
    assert client.get("/audit/?from=never").status_code == 400
    sheet = client.get("/audit/export/").content.decode("utf-8-sig")
    assert ",'=cmd" in sheet or "\"'=cmd" in sheet
    assert Event.objects.filter(type="audit.exported", actor="city").count() == 1


def test_who_is_out_of_reach_is_not_in_the_trail_either(cast: Cast) -> None:
    person("far", ("county_supervisor", "370102"))
    events.emit("access.logged_in", actor="far")
    events.emit("access.login_failed", actor="whoever")
    page = text(enter(cast.city).get("/audit/?type=access."))
    assert "far" not in page
    assert "whoever" in page


# imports and regions

def headings(client: Client) -> list[str]:
    """The headings of the CSV template."""
    sheet = client.get("/imports/enterprise/template/?format=csv").content.decode("utf-8-sig")
    return sheet.strip().split(",")


def upload(client: Client, lines: list[list[str]]) -> Any:
    body = "\n".join(",".join(row) for row in lines).encode("utf-8-sig")
    return client.post("/imports/check/", {"kind": "enterprise", "file": SimpleUploadedFile("企业.csv", body)})


def row(head: list[str], code: str, name: str, region: str) -> list[str]:
    """A new enterprise under the headings."""
    given = {"统一社会信用代码": code, "名称": name, "区划代码": region, "行业线": "危险化学品"}
    return [given.get(title, "") for title in head]


def test_a_dry_run_with_a_broken_row_leaves_nothing_and_a_good_one_is_written_once(cast: Cast) -> None:
    client = enter(cast.county)
    head = headings(client)
    good = row(head, credit_code.make("91370829MA9000011"), "丙厂", "370829001")
    answer = upload(client, [head, good, row(head, "坏代码", "丁厂", "370829001"),
                             row(head, credit_code.make("91370829MA9000012"), "戊厂", "370830")])
    assert answer.status_code == 400
    assert "不能写入" in text(answer)
    assert 'name="digest"' not in text(answer)
    assert Subject.objects.count() == 2
    page = text(upload(client, [head, good]))
    assert "可以写入" in page, page
    digest = found[1] if (found := re.search(r'name="digest" value="(\w{64})"', page)) else ""
    assert Subject.objects.count() == 2, "a dry run writes nothing"
    assert enter(cast.city).post("/imports/commit/", {"digest": digest}).status_code == 400, "another's file"
    assert client.post("/imports/commit/", {"digest": digest}).status_code == 302
    assert Subject.objects.get(name="丙厂").region == "370829001"
    assert client.post("/imports/commit/", {"digest": digest}).status_code == 400, "once"


@pytest.mark.parametrize("digest", ["", "../kept", "../" + "a" * 64, "A" * 64])
def test_only_a_digest_names_a_kept_file(cast: Cast, digest: str, settings: Settings) -> None:
    folder = Path(settings.MEDIA_ROOT) / "imports"
    (folder / str(cast.county.pk)).mkdir(parents=True)
    for name in ("kept", "a" * 64, f"{cast.county.pk}/{'A' * 64}"):
        (folder / name).write_bytes(b"x")
        (folder / f"{name}.json").write_text(json.dumps({"kind": "enterprise", "filename": "x.csv"}))
    answer = enter(cast.county).post("/imports/commit/", {"digest": digest, "kind": "enterprise"})
    assert "预检过的文件已过期" in text(answer)


def test_what_is_no_sheet_is_told(cast: Cast) -> None:
    client = enter(cast.county)
    for name, body in (("x.xlsx", b"PK\x03\x04broken"), ("x.exe", b"MZ"), ("x.csv", b"\xff\xfe\x00")):
        file = io.BytesIO(body)
        file.name = name
        assert client.post("/imports/check/", {"kind": "enterprise", "file": file}).status_code == 400, name
    assert client.post("/imports/check/", {"kind": "enterprise"}).status_code == 400
    assert enter(cast.manager).get("/imports/").status_code == 403


def test_towns_and_grids_are_added_within_reach(cast: Cast) -> None:
    client = enter(cast.county)
    client.post("/regions/add/", {"parent": "370829", "name": "新镇", "lon": "116.3", "lat": "35.4"})
    assert Region.objects.get(name="新镇").code.startswith("370829")
    assert client.post("/regions/add/", {"parent": "370830", "name": "越界镇"}).status_code == 403
    client.post("/regions/add/", {"parent": "370829001", "name": "第一网格", "lon": "200", "lat": "35"})
    assert not Region.objects.filter(name__in=("越界镇", "第一网格")).exists()
    assert client.get("/regions/?region=370830").status_code == 404
    assert "新镇" in text(client.get("/regions/"))


# all of them

PAGES = ["/password/", "/second-factor/", "/tokens/", "/accounts/", "/rosters/", "/params/", f"/params/{HANDLE}/",
         "/ingest/", "/ingest/guide/", "/ingest/sources/", "/audit/", "/imports/", "/regions/", "/api/docs"]


@pytest.mark.parametrize("url", PAGES)
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_page_opens_in_both_languages_in_few_queries(
        cast: Cast, url: str, language: str, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    client = enter(cast.admin)
    client.cookies["django_language"] = language
    with django_assert_max_num_queries(25):
        answer = client.get(url)
    assert answer.status_code == 200
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)|\son\w+=", text(answer)), "CSP"
    assert Client().get(url).status_code == 302
