"""Bad input through real sockets: counted with its reason, seen on the ingest health page, never fatal."""

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from shouwang.engines.telemetry import control
from tests import running
from tests.running import until

TOPIC = "v1/gateway/telemetry"
DAY_MS = 86_400_000
PASSWORD = "shouwang-tests-only"
SETUP = """
import json, sys
from shouwang.engines.rules import plan
from shouwang.kernel.models import Account, Grant
account = Account.objects.create_user(username="engineer", password=sys.argv[1], name="工程师")
Grant.objects.create(account=account, role="engineer", region="37")
plan.compile_plan()
print(json.dumps(account.pk))
"""


class Product(NamedTuple):
    """Ingest and web at work, and the token of a gateway with two points."""

    data: Path
    token: str
    port: int

    def health(self) -> dict[str, Any]:
        """As the pages ask."""
        told: dict[str, Any] = control.Client(control.path_of(self.data)).call("health", wait=10.0)
        return told

    def counted(self) -> dict[str, int]:
        """Refusals so far by reason."""
        return dict(self.health()["refused"])

    @property
    def mqtt(self) -> int:
        """The port of the MQTT endpoint."""
        return running.mqtt_port(self.data)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    data = tmp_path_factory.mktemp("bad")
    env, port = running.environment(data), running.free_port()
    running.django(env, "migrate", "-v0")
    token = running.gateway(env, 2)
    running.python(env, SETUP, PASSWORD)
    with running.crew(env, "ingest", ("web", "--port", str(port))):
        yield Product(data, token, port)


@pytest.fixture(scope="module")
def gateway(product: Product) -> Iterator[mqtt.Client]:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bad")
    client.username_pw_set(product.token)
    client.connect("127.0.0.1", product.mqtt)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def now() -> int:
    return time.time_ns() // 1_000_000


def reading(value: Any = 0.3, at: int | None = None, device: str = "测量000", key: str = "methane") -> str:
    return json.dumps({device: [{"ts": now() if at is None else at, "values": {key: value}}]})


BAD = {
    "not JSON": (TOPIC, lambda: "{测量000: [", "malformed"),
    "not UTF-8": (TOPIC, lambda: b"\xff\xfe\x00{", "malformed"),
    "a list where an object belongs": (TOPIC, lambda: "[1, 2, 3]", "malformed"),
    "an endless nest": (TOPIC, lambda: "[" * 50_000, "malformed"),
    "unknown device": (TOPIC, lambda: reading(device="没有的设备"), "unknown_device"),
    "unknown key": (TOPIC, lambda: reading(key="metan"), "unknown_key"),
    "unknown topic": ("v2/nowhere", reading, "unknown_topic"),
    "wrong unit": (TOPIC, lambda: reading({"value": 20, "unit": "MPa"}), "unit"),
    "NaN": (TOPIC, lambda: reading(float("nan")), "not_a_number"),
    "NaN as text": (TOPIC, lambda: reading("NaN"), "not_a_number"),
    "words": (TOPIC, lambda: reading("故障"), "not_a_number"),
    "beyond all numbers": (TOPIC, lambda: reading(1e300), "not_a_number"),
    "empty": (TOPIC, lambda: reading(None), "empty"),
    "tomorrow": (TOPIC, lambda: reading(at=now() + DAY_MS), "future"),
    "year 5000": (TOPIC, lambda: reading(at=95_617_584_000_000), "future"),
    "last year": (TOPIC, lambda: reading(at=now() - 365 * DAY_MS), "past"),
    "1970 in seconds": (TOPIC, lambda: reading(at=5), "past"),
}


@pytest.mark.parametrize("name", BAD)
def test_counted_with_its_reason_and_the_next_good_one_is_taken(product: Product, gateway: mqtt.Client,
                                                                name: str) -> None:
    topic, body, reason = BAD[name]
    before = product.counted().get(reason, 0)
    gateway.publish(topic, body(), qos=1).wait_for_publish(10)
    until(lambda: product.counted().get(reason, 0) == before + 1, 10)
    assert any(r["reason"] == reason for r in product.health()["refusals"])
    assert_takes(product, gateway)


def assert_takes(product: Product, gateway: mqtt.Client) -> None:
    """A good reading of the other point is durable when acknowledged."""
    taken = product.health()["readings"]
    sent = gateway.publish(TOPIC, reading(device="测量001"), qos=1)
    sent.wait_for_publish(10)
    assert sent.is_published()
    until(lambda: product.health()["readings"] == taken + 1, 10)


@pytest.mark.parametrize(("sent", "reason"), [
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", None),
    (b"\x10\xff\xff\xff\xff\xff", "malformed_packet"),
    (b"\x30\x05\x00\x03abc", "protocol"),
    (b"\x10\x10\x00\x04MQTT\x04\x82\x00\x3c\x00\x02ab\x00\x00", "bad_credentials"),
])
def test_broken_packets_end_only_their_own_connection(product: Product, gateway: mqtt.Client, sent: bytes,
                                                      reason: str | None) -> None:
    before = product.counted()
    with socket.create_connection(("127.0.0.1", product.mqtt), 10) as line:
        line.settimeout(10)
        line.sendall(sent)
        while line.recv(1000):  # until they hang up
            pass
    grown = until(lambda: {k for k, n in product.counted().items() if n > before.get(k, 0)}, 10)
    assert reason is None or reason in grown
    assert gateway.is_connected()
    assert_takes(product, gateway)


@pytest.mark.parametrize(("token", "body", "status", "reason"), [
    ("no-such-token", b'{"methane": 0.3}', 401, "bad_credentials"),
    (None, b"{methane", 400, "malformed"),
])
def test_http_is_told_and_counted(product: Product, gateway: mqtt.Client, token: str | None, body: bytes, status: int,
                                  reason: str) -> None:
    before = product.counted().get(reason, 0)
    url = f"http://127.0.0.1:{product.port}/api/v1/{token or product.token}/telemetry"
    until(lambda: answers(product.port), 60)
    with pytest.raises(urllib.error.HTTPError) as told:
        urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": "application/json"}), timeout=10)
    assert told.value.code == status
    until(lambda: product.counted().get(reason, 0) == before + 1, 10)
    assert_takes(product, gateway)


def test_the_ingest_page_says_what_was_refused_and_why(product: Product, gateway: mqtt.Client) -> None:
    gateway.publish(TOPIC, reading(device="<b>冒名设备</b>"), qos=1).wait_for_publish(10)
    until(lambda: answers(product.port), 60)
    page = signed_in(product.port).open(f"http://127.0.0.1:{product.port}/ingest/", timeout=30).read().decode()
    assert "设备未登记" in page
    assert "冒名设备" in page
    assert "<b>冒名" not in page
    assert product.token not in page


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


def signed_in(port: int) -> urllib.request.OpenerDirector:
    """A browser's worth of cookies after the login form."""
    jar = urllib.request.HTTPCookieProcessor()
    opener = urllib.request.build_opener(jar)
    login = f"http://127.0.0.1:{port}/login/"
    opener.open(login, timeout=30).read()
    csrf = next(c.value for c in jar.cookiejar if c.name == "csrftoken")
    form = f"csrfmiddlewaretoken={csrf}&username=engineer&password={PASSWORD}".encode()
    opener.open(urllib.request.Request(login, form, {"Referer": login}), timeout=30).read()
    return opener
