"""Signing in: who gets in, who is kept out and for how long, and what is left behind."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pyotp
import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import Client

from shouwang.kernel import clock, events
from shouwang.kernel.models import Account, Event, Grant
from shouwang.surfaces.console import login

pytestmark = pytest.mark.django_db
PASSWORD = "守望-Correct-9"
START = datetime(2026, 6, 1, 8, 0, tzinfo=clock.LOCAL)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture(autouse=True)
def eight_o_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A frozen clock, and the real hasher at its smallest cost."""
    monkeypatch.setattr(Argon2PasswordHasher, "time_cost", 1)
    monkeypatch.setattr(Argon2PasswordHasher, "memory_cost", 64)
    with clock.at(START):
        yield


@pytest.fixture
def wang() -> Account:
    """网格员小王."""
    made = Account.objects.create_user("wang", PASSWORD, name="网格员小王")
    Grant.objects.create(account=made, role="grid_member", region="370829001")
    return made


def enter(client: Client, username: str = "wang", password: str = PASSWORD, **more: Any) -> Any:
    return client.post("/login/", {"username": username, "password": password, **more})


def inside(client: Client) -> bool:
    return client.get("/").status_code == 200


def code(moments: int = 0) -> str:
    """The code of now, or so many 30 s steps away."""
    return pyotp.TOTP(SECRET).at(int(clock.now().timestamp()) + 30 * moments)


def told() -> list[str]:
    return list(Event.objects.order_by("id").values_list("type", flat=True))


def test_the_right_password_enters_and_is_written_down(wang: Account) -> None:
    client = Client()
    assert not inside(client)
    reply = enter(client, next="/warnings/?level=red")
    assert (reply.status_code, reply["Location"]) == (302, "/warnings/?level=red")
    assert inside(client)
    assert told() == ["access.logged_in"]
    cookie = client.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_spaces_around_the_name_do_not_matter_but_those_in_a_password_do(wang: Account) -> None:
    assert enter(Client(), " wang ").status_code == 302
    assert enter(Client(), password=f"{PASSWORD} ").status_code == 400


def test_the_session_is_a_new_one(wang: Account) -> None:
    client = Client()
    client.session["kept"] = "an attacker's"
    client.session.save()
    before = client.session.session_key
    enter(client)
    assert client.session.session_key != before
    stolen = Client()
    stolen.cookies["sessionid"] = before
    assert not inside(stolen)


def test_a_wrong_password_says_neither_which_was_wrong(wang: Account) -> None:
    known, unknown = enter(Client(), "wang", "nonsense-1"), enter(Client(), "nobody", "nonsense-1")
    assert known.status_code == unknown.status_code == 400
    strip = [r.content.decode().split("<main")[1].replace("nobody", "wang") for r in (known, unknown)]
    cut = [s.split("csrfmiddlewaretoken")[0] for s in strip]
    assert cut[0] == cut[1]
    assert "nonsense-1" not in strip[0]


def test_after_five_failures_the_account_is_locked_for_fifteen_minutes(wang: Account) -> None:
    for _ in range(4):
        enter(Client(), password="wrong")
    assert enter(Client()).status_code == 302  # the fourth is forgiven by a right one
    for _ in range(5):
        enter(Client(), password="wrong")
    assert told().count("access.locked") == 1
    assert enter(Client()).status_code == 400
    clock.advance(timedelta(minutes=14, seconds=59))
    assert enter(Client()).status_code == 400
    clock.advance(timedelta(seconds=1))
    assert enter(Client()).status_code == 302


def test_another_account_is_not_locked_with_it(wang: Account) -> None:
    Account.objects.create_user("li", PASSWORD, name="执法员老李")
    for _ in range(6):
        enter(Client(), password="wrong")
    assert enter(Client(), "li").status_code == 302


def test_thirty_failures_of_one_address_close_it_and_no_other(wang: Account) -> None:
    for n in range(29):
        events.emit("access.login_failed", actor=f"guess{n}", about="address:10.0.0.1")
    here, there = Client(REMOTE_ADDR="10.0.0.1"), Client(REMOTE_ADDR="10.0.0.2")
    assert enter(here, "guess30").status_code == 400
    assert enter(here).status_code == 429
    assert enter(there).status_code == 302
    clock.advance(timedelta(minutes=15, seconds=1))
    assert enter(here).status_code == 302


def test_nobody_costs_as_much_as_somebody(wang: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown, a locked, a disabled and a wrong one each compute exactly one Argon2 hash."""
    work: list[str] = []
    for name in ("encode", "verify"):
        real = getattr(Argon2PasswordHasher, name)

        def spied(self: Any, *args: Any, _real: Any = real, _name: str = name) -> Any:
            work.append(_name)
            return _real(self, *args)

        monkeypatch.setattr(Argon2PasswordHasher, name, spied)
    Account.objects.create(username="gone", name="离职", is_active=False, password=wang.password)
    Account.objects.create(username="locked", name="锁定", password=wang.password,
                           locked_until=START + timedelta(minutes=5))
    for username, password in (("nobody", PASSWORD), ("gone", PASSWORD), ("locked", PASSWORD), ("wang", "wrong")):
        before = len(work)
        assert enter(Client(), username, password).status_code == 400
        assert len(work) - before == 1, username


def test_a_disabled_account_is_out_at_once(wang: Account) -> None:
    client = Client()
    enter(client)
    Account.objects.filter(pk=wang.pk).update(is_active=False)
    assert not inside(client)


@pytest.fixture
def careful(wang: Account) -> Account:
    Account.objects.filter(pk=wang.pk).update(totp_secret=SECRET)
    return wang


def test_the_password_alone_is_half_the_way(careful: Account) -> None:
    client = Client()
    reply = enter(client, next="/warnings/")
    assert 'autocomplete="one-time-code"' in reply.content.decode()
    assert not inside(client)
    reply = client.post("/login/", {"code": code(), "next": "/warnings/"})
    assert reply["Location"] == "/warnings/"
    assert inside(client)


def test_a_code_without_the_password_is_nothing(careful: Account) -> None:
    client = Client()
    assert client.post("/login/", {"code": code()}).status_code == 400
    assert not inside(client)


def test_a_code_works_once(careful: Account) -> None:
    for status in (302, 400):
        client = Client()
        enter(client)
        assert client.post("/login/", {"code": code()}).status_code == status


def test_a_clock_may_be_half_a_minute_off_and_no_more(careful: Account) -> None:
    for moments, status in ((-2, 400), (2, 400), (-1, 302), (1, 302)):
        client = Client()
        enter(client)
        assert client.post("/login/", {"code": code(moments)}).status_code == status, moments


@pytest.mark.parametrize("typed", ["", "000000", "123456", "12345六", "1" * 500, "null"])
def test_a_wrong_code_sends_back_to_the_password(careful: Account, typed: str) -> None:
    client = Client()
    enter(client)
    assert client.post("/login/", {"code": typed}).status_code == 400
    assert client.post("/login/", {"code": code()}).status_code == 400  # the password has to be given again
    assert not inside(client)


def test_guessing_codes_locks_like_guessing_passwords(careful: Account) -> None:
    for _ in range(5):
        client = Client()
        enter(client)
        client.post("/login/", {"code": "000000"})
    assert "access.locked" in told()
    assert 'autocomplete="one-time-code"' not in enter(Client()).content.decode()


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example",
                                       "javascript:alert(1)", "http:evil.example", "\thttps://evil.example"])
def test_signing_in_never_leads_elsewhere(wang: Account, elsewhere: str) -> None:
    assert enter(Client(), next=elsewhere)["Location"] == "/"
    assert Client().post("/language/", {"language": "en", "next": elsewhere})["Location"] == "/"
    assert elsewhere not in Client().get("/login/", {"next": elsewhere}).content.decode()


def test_the_language_stays_with_the_account(wang: Account) -> None:
    client = Client()
    enter(client)
    assert 'lang="zh-hans"' in client.get("/").content.decode()
    assert client.post("/language/", {"language": "en", "next": "/notices/"})["Location"] == "/notices/"
    page = client.get("/").content.decode()
    assert 'lang="en"' in page
    assert "Skip to content" in page
    elsewhere = Client()
    enter(elsewhere)
    assert 'lang="en"' in elsewhere.get("/").content.decode()


def test_a_stranger_may_choose_the_language_and_only_one_there_is() -> None:
    client = Client()
    client.post("/language/", {"language": "en"})
    assert "Sign in" in client.get("/login/").content.decode()
    client.post("/language/", {"language": "../../etc"})
    assert "登录" in client.get("/login/").content.decode()


def test_leaving_takes_a_post_and_ends_the_session_on_the_server(wang: Account) -> None:
    client = Client()
    enter(client)
    assert client.get("/logout/").status_code == 405
    assert inside(client)
    kept = client.cookies["sessionid"].value
    assert client.post("/logout/").status_code == 302
    thief = Client()
    thief.cookies["sessionid"] = kept
    assert not inside(thief)
    assert told()[-1] == "access.logged_out"


def test_the_first_run_makes_one_administrator_whose_password_must_go() -> None:
    password = login.first_run()
    assert password is not None
    assert login.first_run() is None
    client = Client()
    assert enter(client, "admin", password)["Location"] == "/password/"
    assert client.get("/accounts/")["Location"] == "/password/"
    assert client.get("/api/v1/notices").status_code == 403
    own = {"old": password, "new": "四海-Watch-77", "again": "四海-Watch-77"}
    assert client.post("/password/", own).status_code == 302
    assert client.get("/accounts/").status_code == 200
    assert enter(Client(), "admin", password).status_code == 400
    assert enter(Client(), "admin", own["new"]).status_code == 302


def test_with_accounts_there_is_no_first_run(wang: Account) -> None:
    assert login.first_run() is None
    assert list(Account.objects.all()) == [wang]


def test_no_password_is_left_in_the_audit_trail(wang: Account) -> None:
    enter(Client())
    enter(Client(), password="a-typed-secret")
    kept = json.dumps(list(Event.objects.values("actor", "about", "data")))
    assert PASSWORD not in kept
    assert "a-typed-secret" not in kept


@pytest.mark.parametrize("username", ["", " ", "a\0b", "王" * 200, "wang' OR 1=1 --", "\ud83d"])
def test_odd_names_are_only_wrong(wang: Account, username: str) -> None:
    assert enter(Client(), username.encode("utf8", "replace").decode("utf8"), "x").status_code == 400


def test_a_request_without_fields_is_only_wrong() -> None:
    assert Client().post("/login/", {}).status_code == 400
    assert Client().put("/login/").status_code == 405
