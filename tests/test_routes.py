"""Every page and every API operation, as nobody and as every role: who is let in, who is not, at what cost."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from shouwang.drivers.http.app import claims
from shouwang.engines.flows.models import Matter
from shouwang.engines.notify.models import Notice, Post, Shift
from shouwang.engines.rules.models import Alert
from shouwang.engines.subjects.models import Point, Region, Subject
from shouwang.engines.telemetry.models import Source
from shouwang.kernel import clock, content
from shouwang.kernel.access import PUBLIC, SIGNED_IN
from shouwang.kernel.models import Account, Event, Grant, Param
from shouwang.testing import REGION, Situation
from tests.operations import Operation, Page, operations, pages, send

pytestmark = pytest.mark.django_db
PAGES, OPERATIONS = pages(), operations()
ROLES = [role.id for role in content.every("roles")]
UNMARKED = {
    "api/openapi.json": "the API's description is public by its nature and shows no row",
    "api/": "the API's root: no answer but 404",
}
STREAM = "live/stream"  # never ends; what it tells whom is tested beside it
MOST_QUERIES = 25
GIVEN = {
    "enterprise": "甲厂", "line": "hazchem", "region": REGION,
    "subject": {"kind": "tank", "name": "T-101"},
    "points": {"level": {"ll": 10, "l": 15, "h": 85, "hh": 90, "deadband": 1, "range_low": 0, "range_high": 100}},
}


class City:
    """A small city with one of everything, and an account for every role."""

    def __init__(self) -> None:
        lineage = (("37", "山东省", "province"), ("3708", "济宁市", "city"), ("370829", "嘉祥县", "county"))
        for code, name, tier in lineage:
            Region.objects.get_or_create(code=code, defaults={"name": name, "tier": tier})
        self.situation = Situation(GIVEN, "hazchem")
        self.situation.do_readings({"level": "1s: 95x5"})
        self.situation.do_after("2h")
        self.people = {role: self._person(role) for role in ROLES}
        self.values = self._values()

    def _person(self, role: str) -> Account:
        spec = content.get("roles", role)
        person, made = Account.objects.get_or_create(username=role, defaults={"name": spec.title})
        if made:
            credential = {"credential": "鲁H-001", "valid_until": clock.today() + timedelta(days=9)}
            Grant.objects.create(account=person, role=role, region="" if role == "engineer" else "3708",
                                 **(credential if spec.needs_credential else {}))
        return person

    def _values(self) -> list[tuple[str, str]]:
        """(where in the pattern, what stands for the argument), the first that fits."""
        subject, firm = self.situation.subject, self.situation.firm
        alert, matter = Alert.objects.latest("id"), Matter.objects.latest("id")
        proposal = Param.objects.create(path="flows.handle_within", locality="cn_3708", since=clock.today(), value={},
                                        basis="试", proposed_by="county_supervisor")
        of = {
            "warnings/": alert, "alerts/": alert, "matters/": matter, "notices/": Notice.objects.latest("id"),
            "rosters/shifts/": Shift.objects.latest("id"), "shifts/": Shift.objects.latest("id"),
            "rosters/": Post.objects.latest("id"), "posts/": Post.objects.latest("id"),
            "wall/enterprise/": firm, "subjects/": subject, "points/": Point.objects.latest("id"),
            "accounts/": self.people["read_only"], "params/proposals/": proposal,
            "sources/": Source.objects.latest("id"), "audit/": Event.objects.latest("id"),
        }
        fixed = {"/files/": "1", "/grants/": "1", "tokens/": "1", "/acts/": "submit", "regions/": "370829",
                 "imports/": "enterprise", "import/": "enterprise", "params/": "flows.handle_within"}
        later = {"accounts/1/": "reset", "ingest/sources/1/": "disable"}
        return [*fixed.items(), *((k, str(row.pk)) for k, row in of.items()), *later.items()]

    def path(self, pattern: str) -> str:
        """The pattern with its arguments filled; an argument nobody told a value for fails here."""
        out, rest = "", re.sub(r"\{(\w+)\}", r"<\1>", pattern)
        while "<" in rest:
            before, _, after = rest.partition("<")
            _name, _, rest = after.partition(">")
            out += before
            known = re.sub(r"\d+", "1", out)
            value = next((v for k, v in sorted(self.values, key=lambda kv: -len(kv[0])) if known.endswith(k)), None)
            assert value is not None, f"给 {pattern} 的参数在 _values 里补一个例子"
            out += value
        return "/" + (out + rest).lstrip("/")


@pytest.fixture(scope="module")
def city(django_db_setup: None, django_db_blocker: Any) -> Iterator[City]:
    """Built once; everything any test of this file writes is rolled back at the end."""
    with django_db_blocker.unblock(), transaction.atomic(), clock.at(clock.now()):
        yield City()
        transaction.set_rollback(True)


def signed_in(account: Account, **kw: Any) -> Client:
    client = Client(**kw)
    client.force_login(account)
    return client


def may(role: str, access: str) -> bool:
    return access in (PUBLIC, SIGNED_IN) or access in content.get("roles", role).may


def test_every_page_and_operation_names_its_rule() -> None:
    known = {p.id for p in content.every("permissions")} | {PUBLIC, SIGNED_IN}
    assert {p.pattern for p in PAGES if p.access is None} == set(UNMARKED)
    assert [p for p in PAGES if p.access is not None and p.access not in known] == []
    assert [(o.method, o.path) for o in OPERATIONS if o.access not in known - {PUBLIC}] == []


def test_every_permission_opens_something() -> None:
    used = {p.access for p in PAGES} | {o.access for o in OPERATIONS}
    inside = {"matters.handle", "matters.verify"}  # asked by the flow itself, by the state's role
    assert {p.id for p in content.every("permissions")} - used - inside == set()


def test_nobody_is_sent_to_sign_in(city: City) -> None:
    wrong = []
    for page in PAGES:
        if page.access in (None, PUBLIC):
            continue
        reply = Client().get(city.path(page.pattern))
        if reply.status_code != 302 or not reply["Location"].startswith("/login/?next="):
            wrong.append((page.pattern, reply.status_code))
    assert wrong == []


def test_public_pages_answer_nobody(city: City) -> None:
    told = {p.pattern: Client().get(city.path(p.pattern)).status_code for p in PAGES if p.access == PUBLIC}
    assert told == {"login/": 200, "language/": 405, "healthz": 503, "metrics": 200}


def test_nobody_gets_no_operation(city: City) -> None:
    replies = [(o.path, send(Client(), o, city.path(o.path))) for o in OPERATIONS]
    assert [(p, r.status_code) for p, r in replies if r.status_code != 401 or "登录" not in r.json()["error"]] == []


@pytest.mark.parametrize("role", ROLES)
def test_pages_let_in_whom_they_should(city: City, role: str) -> None:
    client, wrong = signed_in(city.people[role]), []
    for page in PAGES:
        if page.access is None or (page.pattern == STREAM and may(role, page.access)):
            continue
        with CaptureQueriesContext(connection) as cost:
            reply = client.get(city.path(page.pattern))
        wrong += [f"{page.pattern or '/'}: {why}" for why in _amiss(page, role, reply, len(cost))]
    assert wrong == []


def _amiss(page: Page, role: str, reply: Any, queries: int) -> Iterator[str]:
    """What is wrong with the answer to a GET, if anything."""
    assert page.access is not None
    if not may(role, page.access):
        if reply.status_code != 403:
            yield f"{reply.status_code} where {role} lacks {page.access}"
        return
    rows = "<" in page.pattern  # a row may lie outside the role's reach: then it does not exist
    fine = {200, 405, *({302, 400, 404} if rows else {302} if page.pattern == "login/" else set())}
    if page.pattern == "healthz":
        fine = {503}
    if reply.status_code not in fine:
        yield f"{reply.status_code} for {role}"
    if queries > MOST_QUERIES:
        yield f"{queries} queries"
    if reply.get("Content-Type", "").startswith("text/html") and "script-src 'self'" not in reply.get(
            "Content-Security-Policy", ""):
        yield "no Content-Security-Policy"


@pytest.mark.parametrize("role", ROLES)
def test_operations_let_in_whom_they_should(city: City, role: str) -> None:
    client, wrong = signed_in(city.people[role]), []
    for op in OPERATIONS:
        with transaction.atomic():
            reply = send(client, op, city.path(op.path))
            transaction.set_rollback(True)
        status = reply.status_code
        if not may(role, op.access):
            wrong += [] if status == 403 and reply.json()["error"] else [(op.method, op.path, status, "to be 403")]
        elif status >= 500 or status in (401, 405) or (op.method == "GET" and status not in (200, 404, 400)):
            wrong.append((op.method, op.path, status, reply.content[:200]))
        elif status >= 400 and not reply.json().get("error"):
            wrong.append((op.method, op.path, status, "no error told"))
    assert wrong == []


def test_rows_of_my_own_are_found(city: City) -> None:
    """The examples are real: who reaches everything gets 200 or 405 from every page with a row in it."""
    client = signed_in(city.people["city_supervisor"])
    told = {p.pattern: client.get(city.path(p.pattern)).status_code for p in PAGES
            if "<" in p.pattern and p.access and may("city_supervisor", p.access)}
    assert {k: v for k, v in told.items() if v not in (200, 405)} == {"matters/<int:pk>/files/<int:attachment>/": 404}


def test_rows_out_of_reach_do_not_exist(city: City) -> None:
    """外人: the same role over another county sees no row of this one."""
    outsider = Account.objects.create(username="outsider", name="外人")
    for role in ("city_supervisor", "county_duty"):
        Grant.objects.create(account=outsider, role=role, region="3702")
    client, found = signed_in(outsider), []
    shared = ("params/", "imports/", "audit/")
    for page in PAGES:
        if "<" in page.pattern and page.access and not page.pattern.startswith(shared):
            status = client.get(city.path(page.pattern)).status_code
            found += [(page.pattern, status)] if status not in (403, 404, 405) else []
    for op in OPERATIONS:
        if "{" in op.path and op.method == "GET" and not re.search("/regions/|/import/", op.path):
            status = send(client, op, city.path(op.path)).status_code
            found += [(op.path, status)] if status not in (403, 404) else []
    assert found == []


def test_writing_needs_the_csrf_token(city: City) -> None:
    strict = signed_in(city.people["city_supervisor"], enforce_csrf_checks=True)
    pages_ = {p.pattern: strict.post(city.path(p.pattern)).status_code for p in PAGES
              if p.access is not None and p.pattern != STREAM}
    assert {k: v for k, v in pages_.items() if v != 403} == {}
    writing = [o for o in OPERATIONS if o.method != "GET"]
    told = {o.path: send(strict, o, city.path(o.path)) for o in writing}
    assert {k: r.status_code for k, r in told.items() if r.status_code != 403 or "CSRF" not in r.json()["error"]} == {}


def test_signed_out_writing_without_token_is_refused() -> None:
    for path in ("/login/", "/language/"):
        assert Client(enforce_csrf_checks=True).post(path, {"username": "x"}).status_code == 403


def test_pages_cannot_be_framed_and_name_no_other_host(city: City) -> None:
    reply = signed_in(city.people["city_supervisor"]).get("/")
    policy = reply["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "script-src 'self';" in policy + ";"
    assert not re.search(r'(src|href)="(https?:)?//', reply.content.decode())
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", reply.content.decode())


def test_no_operation_stands_where_devices_report(city: City) -> None:
    assert [o.path for o in OPERATIONS if claims(city.path(o.path))] == []
    assert claims("/api/v1/SOME_TOKEN/telemetry")


def test_one_more_query_set_costs_no_page_more(city: City) -> None:
    """Lists cost the same for one row and for thirty."""
    client = signed_in(city.people["city_supervisor"])

    def cost(path: str) -> int:
        client.get(path)
        with CaptureQueriesContext(connection) as c:
            assert client.get(path).status_code == 200
        return len(c)

    lists = ["/subjects/", "/warnings/", "/matters/", "/accounts/", "/rosters/", "/audit/", "/api/v1/subjects",
             "/api/v1/alerts/", "/api/v1/matters", "/api/v1/points", "/api/v1/posts"]
    before = {p: cost(p) for p in lists}
    _multiply(city)
    after = {p: cost(p) for p in lists}
    grown = {p: (before[p], after[p]) for p in lists if after[p] > before[p] + 4}  # a pager may come in
    assert grown == {}


def _multiply(city: City, n: int = 30) -> None:
    alert, matter = Alert.objects.latest("id"), Matter.objects.latest("id")
    for i in range(n):
        firm = Subject.objects.create(kind="enterprise", code=f"E{i}", name=f"样例{i}厂", region=REGION, line="hazchem")
        Subject.objects.filter(pk=firm.pk).update(top=firm)
        point = Point.objects.create(subject=firm, code=f"P{i}", name="液位", quantity="level", unit="%")
        person = Account.objects.create(username=f"person{i}", name=f"某{i}")
        Grant.objects.create(account=person, role="safety_manager", subject=firm.pk)
        post = Post.objects.create(name=f"岗{i}", role="operator", region=REGION, subject=firm.pk)
        Shift.objects.create(post=post, account=person, starts=clock.now(), ends=clock.now() + timedelta(hours=8))
        Alert.objects.create(**{f.attname: getattr(alert, f.attname) for f in Alert._meta.fields if f.name != "id"}
                             | {"point_id": point.pk, "subject_id": firm.pk, "top_id": firm.pk, "seq": 1})
        about = Alert.objects.latest("id")
        Matter.objects.create(**{f.attname: getattr(matter, f.attname) for f in Matter._meta.fields if f.name != "id"}
                              | {"about": f"alert:{about.pk}", "subject_id": firm.pk, "top_id": firm.pk})


def test_the_walk_would_notice_a_forgotten_guard() -> None:
    bare = Operation("GET", "/x", "", {}, None, None)
    assert bare.access not in {p.id for p in content.every("permissions")}
    refused = type("Reply", (), {"status_code": 200, "get": lambda *_a: ""})()
    assert list(_amiss(Page("accounts/", "accounts.edit"), "grid_member", refused, 1))
