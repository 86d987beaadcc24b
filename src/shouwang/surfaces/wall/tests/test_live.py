"""The live stream over a real socket: event inserted → received, replayed, within scope."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

PACKAGE = Path(__file__).parents[4]
PREPARE = """
import json, sys
from shouwang.boot import boot
boot()
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)
from shouwang.surfaces.wall.tests import scenery
jia, yi = scenery.enterprise("E1", "甲厂", "370829"), scenery.enterprise("E2", "乙厂", "370811")
alerts = [scenery.alert(jia), scenery.alert(yi, "yellow")]
people = {"city": ("city_supervisor", "3708"), "county": ("county_supervisor", "370829"),
          "engineer": ("engineer", "3708"), "firm": ("safety_manager", "370829")}
keys = {n: scenery.session(scenery.account(n, r, p, jia.pk if n == "firm" else None)) for n, (r, p) in people.items()}
print(json.dumps({"keys": keys, "alerts": [a.pk for a in alerts], "matter": scenery.matter(alerts[0]).pk}))
"""
EMIT = """
import sys
from shouwang.boot import boot
boot()
from shouwang.kernel import clock
from shouwang.kernel.models import Event
for line in sys.stdin:
    kind, about, level = line.split()
    made = Event.objects.create(at=clock.now(), type=kind, about=about, data={"level": level, "people": ["某人"]})
    print(made.pk, flush=True)
"""


class City:
    """A small city behind a real web process."""

    def __init__(self, data: Path, port: int) -> None:
        self.env = {**os.environ, "SHOUWANG_DATA": str(data), "PYTHONPATH": str(PACKAGE),
                    "DJANGO_SETTINGS_MODULE": "shouwang.settings"}
        self.port = port
        made = subprocess.run([sys.executable, "-c", PREPARE], env=self.env, capture_output=True, check=True)
        facts = json.loads(made.stdout)
        self.keys, self.alerts, self.matter = facts["keys"], facts["alerts"], facts["matter"]
        self.web = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "shouwang.surfaces.wall.tests.live_app:application", "--port",
             str(port), "--log-level", "error"], env=self.env)
        self.pen = subprocess.Popen([sys.executable, "-c", EMIT], env=self.env, stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, text=True)
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("the web process did not come up")

    def emit(self, kind: str, about: str, level: str = "red") -> int:
        """Write an event from another process; its id."""
        assert self.pen.stdin is not None
        assert self.pen.stdout is not None
        self.pen.stdin.write(f"{kind} {about} {level}\n")
        self.pen.stdin.flush()
        return int(self.pen.stdout.readline())

    def close(self) -> None:
        self.pen.terminate()
        self.web.terminate()
        self.web.wait(10)
        self.pen.wait(10)


class Ear:
    """One open stream of one person."""

    def __init__(self, city: City, who: str, *, after: int | None = None, query: str = "") -> None:
        self.client = httpx.Client(timeout=20, cookies={"sessionid": city.keys[who]})
        headers = {"Last-Event-ID": str(after)} if after is not None else {}
        self.answer = self.client.send(self.client.build_request(
            "GET", f"http://127.0.0.1:{city.port}/live/stream{query}", headers=headers), stream=True)
        assert self.answer.status_code == 200
        self.lines = self.answer.iter_lines()
        self.first = self.block()

    def block(self) -> dict[str, str]:
        """The next event as its fields; comments are passed over."""
        found: dict[str, str] = {}
        for line in self.lines:
            if line.startswith(":"):
                continue
            if not line and found:
                return found
            name, _, value = line.partition(": ")
            if name:
                found[name] = value
        raise AssertionError("the stream ended")

    def fact(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.block()["data"])
        return told

    def close(self) -> None:
        self.answer.close()
        self.client.close()


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = City(tmp_path_factory.mktemp("live"), port)
    yield made
    made.close()


@pytest.fixture
def ear(city: City) -> Iterator[Ear]:
    opened = Ear(city, "city")
    yield opened
    opened.close()


def test_an_event_reaches_the_screen_with_its_facts(city: City, ear: Ear) -> None:
    assert ear.first["event"] == "hello"
    made = city.emit("rules.alert_raised", f"alert:{city.alerts[0]}")
    block = ear.block()
    fact = json.loads(block["data"])
    assert block["id"] == str(made)
    assert (fact["event"], fact["enterprise"], fact["level"]) == ("rules.alert_raised", "甲厂", "red")
    assert (fact["value"], fact["limit"], fact["unit"], fact["point"]) == (92.5, 85, "%", "1号储罐液位")
    assert fact["lon"] is not None
    assert fact["published"] <= fact["at"]
    assert "people" not in fact, "names of people are not for every screen"


def test_what_was_missed_is_sent_again(city: City) -> None:
    first, second = (city.emit("rules.alert_raised", f"alert:{city.alerts[0]}") for _ in range(2))
    late = Ear(city, "city", after=first)
    again = late.fact()["id"]
    if again == first:  # the hub was one look behind: sent twice is well, the screen knows what it has; lost is not
        again = late.fact()["id"]
    assert again == second
    third = city.emit("rules.alert_cleared", f"alert:{city.alerts[0]}")
    assert late.fact()["id"] == third
    late.close()


def test_too_much_missed_means_load_anew(city: City) -> None:
    start = city.emit("rules.alert_raised", f"alert:{city.alerts[0]}")
    ids = [city.emit("rules.alert_raised", f"alert:{city.alerts[0]}") for _ in range(502)]
    late = Ear(city, "city", after=start)
    assert late.block()["event"] == "resync"
    assert [late.fact()["id"] for _ in range(500)] == ids[-500:]
    late.close()


def test_a_county_hears_only_its_own(city: City) -> None:
    county, firm = Ear(city, "county"), Ear(city, "firm")
    city.emit("rules.alert_raised", f"alert:{city.alerts[1]}", "yellow")
    own = city.emit("rules.alert_raised", f"alert:{city.alerts[0]}")
    assert county.fact()["id"] == own
    assert firm.fact()["id"] == own
    county.close()
    firm.close()


def test_a_region_shown_narrows_the_stream(city: City) -> None:
    narrowed = Ear(city, "city", query="?region=370811")
    city.emit("rules.alert_raised", f"alert:{city.alerts[0]}")
    wanted = city.emit("rules.alert_raised", f"alert:{city.alerts[1]}", "yellow")
    assert narrowed.fact()["id"] == wanted
    narrowed.close()


def test_matters_are_for_those_who_may_see_matters(city: City, ear: Ear) -> None:
    engineer = Ear(city, "engineer")
    moved = city.emit("flows.entered", f"matter:{city.matter}")
    alert = city.emit("rules.alert_raised", f"alert:{city.alerts[0]}")
    assert ear.fact()["id"] == moved
    assert ear.fact()["id"] == alert
    assert engineer.fact()["id"] == alert, "an engineer sees alerts, not matters"
    engineer.close()


def test_what_is_no_news_is_not_sent(city: City, ear: Ear) -> None:
    city.emit("kernel.signed_in", "account:1")
    told = city.emit("flows.closed", f"matter:{city.matter}")
    fact = ear.fact()
    assert (fact["id"], fact["enterprise"], fact["alert"]) == (told, "甲厂", city.alerts[0])


def test_nobody_unknown_is_served(city: City) -> None:
    answer = httpx.get(f"http://127.0.0.1:{city.port}/live/stream")
    assert answer.status_code == 302


def test_many_screens_hear_every_event(city: City) -> None:
    ears = [Ear(city, "city") for _ in range(10)]
    for _ in range(5):
        sent = city.emit("rules.alert_raised", f"alert:{city.alerts[0]}")
        assert {one.fact()["id"] for one in ears} == {sent}
    for one in ears:
        one.close()
