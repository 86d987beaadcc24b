"""The way out: real HTTP and SMTP on loopback, failures, repeats, and what must never be called."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from email.header import decode_header, make_header
from typing import Any

import pytest

from shouwang.engines.notify import outbox, webhook
from shouwang.engines.notify.models import Delivery, Hook, Notice
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput, NotAllowed
from shouwang.kernel.models import Event

from .conftest import Cast, call, man, person, turn
from .receivers import Mailbox, Web, smtp, web

pytestmark = pytest.mark.django_db
SECRET = "0123456789abcdef0123"


@pytest.fixture
def city() -> Iterator[Web]:
    with web() as seen:
        yield seen


@pytest.fixture
def box(settings: Any) -> Iterator[Mailbox]:
    with smtp() as found:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{found.port}?from=watch@city.example"
        yield found


def hook(seen: Web, region: str = "3708", levels: list[str] | None = None) -> Hook:
    return Hook.objects.create(name="市平台", url=seen.url, secret=SECRET, region=region, levels=levels or [])


def test_回调带签名和幂等键_一个事件只发一次(cast: Cast, city: Web) -> None:
    hook(city)
    turn(cast)  # two people are told, the city's platform once
    assert outbox.deliver() == 1
    assert outbox.deliver() == 0
    ((headers, body),) = city.got
    sent = json.loads(body)
    assert (sent["level"], sent["about"], sent["enterprise"]) == ("red", "matter:7", "甲厂")
    told = hmac.new(SECRET.encode(), f"{headers['X-Shouwang-Timestamp']}.".encode() + body, hashlib.sha256)
    assert headers["X-Shouwang-Signature"] == f"sha256={told.hexdigest()}"
    delivery = Delivery.objects.get()
    assert headers["Idempotency-Key"] == f"delivery-{delivery.pk}"
    assert (delivery.sent_at, delivery.attempts) == (clock.now(), 1)


def test_只发给要的辖区和等级(cast: Cast, city: Web) -> None:
    hook(city, region="3709")
    hook(city, levels=["blue"])
    stopped = hook(city)
    Hook.objects.filter(pk=stopped.pk).update(enabled=False)
    turn(cast)
    assert not Delivery.objects.exists()


def test_失败退避重试_幂等键不变_终于送到(cast: Cast, city: Web) -> None:
    city.statuses = [500, 503]
    hook(city)
    turn(cast)
    outbox.deliver()
    assert Delivery.objects.get().error.startswith("HTTPStatusError")
    assert outbox.deliver() == 0  # not at once
    clock.advance(timedelta(seconds=11))
    outbox.deliver()
    clock.advance(timedelta(seconds=11))
    assert outbox.deliver() == 0  # the second wait is longer
    clock.advance(timedelta(seconds=10))
    outbox.deliver()
    assert len(city.got) == 3
    assert len({h["Idempotency-Key"] for h, _ in city.got}) == 1
    assert Delivery.objects.get().sent_at is not None


def test_一直失败就停_并留下事件(cast: Cast) -> None:
    with web() as gone:
        hook(gone)
    turn(cast)
    for _ in range(outbox.MAX_ATTEMPTS + 3):
        outbox.deliver()
        clock.advance(timedelta(hours=1, seconds=1))
    delivery = Delivery.objects.get()
    assert delivery.gave_up_at is not None
    assert delivery.attempts == outbox.MAX_ATTEMPTS
    assert Event.objects.get(type="notify.undelivered").about == "matter:7"


def test_坏的收件方不耽误好的(cast: Cast, city: Web) -> None:
    with web() as gone:
        hook(gone)
    hook(city)
    for _ in range(40):
        turn(cast, delegate=cast.manager.pk)
    while outbox.deliver():
        pass
    assert len(city.got) == 40
    failed = Delivery.objects.filter(sent_at=None)
    assert failed.count() == 40
    assert failed.exclude(attempts=0).count() <= outbox.AT_ONCE  # the rest was not even tried


def test_中途死去_租约到期再发_收方凭键去重(cast: Cast, city: Web) -> None:
    hook(city)
    turn(cast)
    (claimed,) = outbox._due(10)
    assert outbox._claim(claimed)
    assert not outbox._claim(claimed)  # another beat does not get it
    assert outbox.deliver() == 0
    clock.advance(timedelta(seconds=11))
    assert outbox.deliver() == 1
    assert len(city.got) == 1


def test_不跟随跳转(cast: Cast, city: Web) -> None:
    city.statuses, city.location = [302], city.url
    hook(city)
    turn(cast)
    outbox.deliver()
    assert len(city.got) == 1
    assert "302" in Delivery.objects.get().error


def test_生产环境不许回调内部地址(cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PRODUCTION = True
    for url in ("http://127.0.0.1/x", "http://10.1.2.3/", "http://169.254.169.254/latest", "http://[::1]/",
                "http://localhost:8000/", "http://0.0.0.0/", "http://[::ffff:127.0.0.1]/"):
        with pytest.raises(BadInput, match="内部地址"):
            webhook.target(url)
    url, headers, extensions = webhook.target("https://203.0.114.9:8443/a?b=1")
    assert (url, headers["Host"], extensions) == (
        "https://203.0.114.9:8443/a?b=1", "203.0.114.9:8443", {"sni_hostname": "203.0.114.9"})
    monkeypatch.setenv("SHOUWANG_HOOKS_INNER", "1")
    assert webhook.target("http://127.0.0.1/x")[0] == "http://127.0.0.1/x"


@pytest.mark.parametrize("url", ["ftp://a/b", "file:///etc/passwd", "http://", "javascript:alert(1)", "a"])
def test_不是网址就拒绝(cast: Cast, url: str) -> None:
    with pytest.raises(BadInput, match="http"):
        webhook.target(url)


def test_登记回调要有权限和够长的密钥(cast: Cast) -> None:
    engineer = person("engineer", "运维", "engineer", "3708")
    made = webhook.register(engineer, "市平台", "http://127.0.0.1:9/x", SECRET, "3708", ["red"])
    assert made.levels == ["red"]
    with pytest.raises(BadInput, match="16"):
        webhook.register(engineer, "x", "http://127.0.0.1:9/x", "short", "3708")
    with pytest.raises(NotAllowed):
        webhook.register(cast.county, "x", "http://127.0.0.1:9/x", SECRET, "370829")


def test_邮件寄给在岗的人和轮到的人(cast: Cast, box: Mailbox) -> None:
    man(cast.post, cast.desk)
    turn(cast)
    call(cast)
    assert outbox.deliver() == 2
    letters = {to[0]: letter for _, to, letter in box.letters}
    assert set(letters) == {"zhang@jia.example", "desk@town.example"}
    letter = letters["zhang@jia.example"]
    assert "甲厂 液位高" in str(make_header(decode_header(letter["Subject"])))
    assert letter["Message-ID"].endswith("@city.example>")
    assert "请于 6月1日 08:30 前办理" in letter.get_payload(decode=True).decode()


def test_邮箱被拒_重试时信件编号不变(cast: Cast, box: Mailbox) -> None:
    box.refuse.add("zhang@jia.example")
    turn(cast)
    outbox.deliver()
    assert "550" in Delivery.objects.get().error
    box.refuse.clear()
    clock.advance(timedelta(seconds=11))
    outbox.deliver()
    delivery = Delivery.objects.get()
    assert delivery.sent_at is not None
    assert box.letters[0][2]["Message-ID"] == f"<delivery-{delivery.pk}@city.example>"


def test_邮件服务器停了_不逐封试_回调照发(cast: Cast, city: Web, settings: Any) -> None:
    with smtp() as gone:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{gone.port}"
    hook(city)
    for _ in range(30):
        turn(cast, delegate=cast.manager.pk)
    while outbox.deliver():
        pass
    assert len(city.got) == 30
    letters = Delivery.objects.filter(channel="smtp")
    assert letters.filter(sent_at=None).count() == 30
    assert 1 <= letters.exclude(attempts=0).count() <= outbox.AT_ONCE
    with smtp() as back:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{back.port}"
        clock.advance(timedelta(seconds=21))
        while outbox.deliver():
            pass
        assert len(back.letters) == 30


def test_没配邮件就不排队(cast: Cast) -> None:
    turn(cast)
    assert not Delivery.objects.exists()
    assert Notice.objects.count() == 2
