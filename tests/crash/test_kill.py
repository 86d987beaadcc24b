"""kill -9 of any process under load: no acknowledged reading, alert, matter, notice, escalation is lost or doubled."""

import hashlib
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests import running
from tests.running import pids, rows, until

POINTS = 20
FLIP = 0.06  # of a reading: to the other side of the limit
VICTIMS = ["ingest", "beat", "ingest", "history", "web", "beat", "ingest"]

# a manager who is told, a ladder that climbs while we kill, an attachment nobody may touch
SETUP = """
import json
from shouwang.engines.subjects.models import Subject
from shouwang.kernel import clock
from shouwang.kernel.models import Account, Grant, Param
mine = Subject.objects.get(name="测量矿(样例)")
manager = Account.objects.create(username="bench-manager", name="张安全")
Grant.objects.create(account=manager, role="safety_manager", subject=mine.pk)
for name, wait in (("call_town_after", "3s"), ("call_county_after", "6s"), ("call_city_after", "9s"),
                   ("handle_within", "5s")):
    Param.objects.create(path=f"flows.{name}", since=clock.today(), value=dict.fromkeys(
        ("red", "orange", "yellow", "blue"), wait), unit="span", basis="试验", proposed_by="a", approved_by="b",
        approved_at=clock.now())
print(json.dumps(mine.pk))
"""


class Gateway(threading.Thread):
    """One message of a reading a point after the other, each again until acknowledged: in order whatever breaks."""

    def __init__(self, token: str, port: int) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[tuple[str, int, float]] = []
        self.stopping = threading.Event()
        self.broken = 0
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="kill", clean_session=False)
        self.client.username_pw_set(token)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_disconnect = self._cut
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _cut(self, *_: Any) -> None:
        self.broken += not self.stopping.is_set()

    def run(self) -> None:
        chance, over, at = random.Random(7), [False] * POINTS, 0
        while not self.stopping.is_set():
            at = max(at + 1, time.time_ns() // 1_000_000)
            over = [o != (chance.random() < FLIP) for o in over]
            values = {f"测量{n:03d}": 1.2 if o else 0.2 for n, o in enumerate(over)}
            self._send({device: [{"ts": at, "values": {"methane": v}}] for device, v in values.items()})
            self.acknowledged += [(f"BENCH-{n:03d}", at, v) for n, v in enumerate(values.values())]

    def _send(self, body: dict[str, Any]) -> None:
        info, end = self.client.publish("v1/gateway/telemetry", json.dumps(body), qos=1), time.monotonic() + 60
        while not info.is_published():
            assert time.monotonic() < end, "never acknowledged"
            time.sleep(0.002)

    def finish(self) -> None:
        """Stop after the message in hand."""
        self.stopping.set()
        self.join(70)
        assert not self.is_alive()
        self.client.disconnect()
        self.client.loop_stop()

    def episodes(self) -> Counter[str]:
        """The oracle: an episode begins where a value of 1.0 or more follows one below."""
        counted: Counter[str] = Counter()
        before: dict[str, float] = {}
        for code, _, value in self.acknowledged:
            counted[code] += value >= 1.0 > before.get(code, 0.0)
            before[code] = value
        return +counted


@pytest.fixture
def city(tmp_path: Path) -> tuple[Path, dict[str, str], str]:
    env = running.environment(tmp_path)
    running.django(env, "migrate", "-v0")
    running.seed(env)
    token = running.gateway(env, POINTS)
    running.python(env, SETUP)
    kept = tmp_path / "media" / "keep.jpg"
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(os.urandom(100_000))
    return tmp_path, env, token


@pytest.mark.crash
def test_nothing_acknowledged_is_lost_or_doubled(city: tuple[Path, dict[str, str], str]) -> None:
    data, env, token = city
    photo = digest(data)
    with running.running(env):
        gateway = Gateway(token, running.mqtt_port(data))
        gateway.start()
        kill_at_random(data, gateway)
        gateway.finish()
        expected = gateway.episodes()
        until(lambda: settled(data, sum(expected.values())), 240)
        read = running.python(env, READ)

    assert sum(expected.values()) > 2 * POINTS, "too quiet a run to prove anything"
    assert gateway.broken >= 2
    assert Counter(code for code, in rows(data, f"SELECT p.code {ALERTS}")) == expected
    assert_each_once(data)
    assert len(read) == len(set(map(tuple, read))), "doubled readings"
    assert set(map(tuple, read)) == set(gateway.acknowledged)
    assert digest(data) == photo


def kill_at_random(data: Path, gateway: Gateway) -> None:
    """Each victim once it is back from the last time and readings flow again, at a random moment."""
    chance = random.Random(11)
    for verb in VICTIMS:
        until(lambda verb=verb: at_work(data, verb))  # type: ignore[misc]
        flowing = len(gateway.acknowledged) + 5 * POINTS
        until(lambda flowing=flowing: len(gateway.acknowledged) > flowing)  # type: ignore[misc]
        time.sleep(chance.uniform(0.2, 1.2))
        os.kill(pids(data)[verb], signal.SIGKILL)
    until(lambda: all(at_work(data, v) for v in VICTIMS))


def at_work(data: Path, verb: str) -> bool:
    """Whether the present process of this verb has come up (ingest and beat say so themselves)."""
    pid, told = pids(data)[verb], data / "run" / f"{verb}.json"
    if verb in ("ingest", "beat"):
        return told.exists() and json.loads(told.read_text())["pid"] == pid
    return alive(pid)


ALERTS = ("FROM rules_alert a JOIN subjects_point p ON p.id = a.point_id "
          "WHERE a.rule = 'mine_net.methane' AND p.code LIKE 'BENCH-%'")
MATTERS = f"FROM flows_matter WHERE about IN (SELECT 'alert:' || a.id {ALERTS})"
OURS = f"about IN (SELECT 'matter:' || id {MATTERS})"


def settled(data: Path, episodes: int) -> bool:
    """All told, and the ladders of all climbed to the top."""
    found = rows(data, f"SELECT count(*), min(rung) {MATTERS}")[0]
    return found == (episodes, 3) and not rows(data, "SELECT 1 FROM kernel_errand WHERE done_at IS NULL")


def assert_each_once(data: Path) -> None:
    """One matter an alert, one notice a turn, one call a rung, one line a transition, without holes."""
    matters = rows(data, f"SELECT count(*) {MATTERS}")[0][0]
    assert rows(data, f"SELECT about, count(*) {MATTERS} GROUP BY 1 HAVING count(*) != 1") == []
    told = rows(data, f"SELECT about, to_id, post_id, text, json_extract(data, '$.why'), json_extract(data, '$.rung'), "
                      f"count(*) FROM notify_notice WHERE {OURS} GROUP BY 1, 2, 3, 4, 5, 6 HAVING count(*) != 1")
    assert told == []
    escalated = dict(rows(data, f"SELECT json_extract(data, '$.rung'), count(*) FROM kernel_event "
                                f"WHERE type = 'flows.escalated' AND {OURS} GROUP BY 1"))
    assert escalated == {1: matters, 2: matters, 3: matters}
    overdue = rows(data, f"SELECT about, count(*) FROM kernel_event WHERE type = 'flows.overdue' AND {OURS} GROUP BY 1")
    assert len(overdue) == matters
    assert {n for _, n in overdue} == {1}
    holes = rows(data, "SELECT rule, point, min(seq), max(seq), count(*) FROM rules_alertchange WHERE seq IS NOT NULL "
                       "GROUP BY 1, 2 HAVING count(*) != max(seq) OR min(seq) != 1")
    assert holes == []


READ = """
import json, time
from shouwang.engines.subjects.models import Point
from shouwang.engines.telemetry import read
points = dict(Point.objects.filter(code__startswith="BENCH-").values_list("id", "code"))
found = read.raw(list(points), 0, int(time.time() * 1000) + 60_000)
print(json.dumps([[points[p], t, v / 10**d] for p, t, v, d in zip(
    found.point.tolist(), found.t.tolist(), found.v.tolist(), found.d.tolist())]))
"""


def digest(data: Path) -> str:
    return hashlib.sha256((data / "media" / "keep.jpg").read_bytes()).hexdigest()


@pytest.mark.crash
def test_a_killed_supervisor_leaves_no_orphans_and_the_next_run_goes_on(tmp_path: Path) -> None:
    env, port = running.environment(tmp_path), running.free_port()
    running.django(env, "migrate", "-v0")
    token = running.gateway(env, POINTS)
    first = running.start(env, port)
    crew = pids(tmp_path)
    gateway = Gateway(token, running.mqtt_port(tmp_path))
    gateway.start()
    until(lambda: len(gateway.acknowledged) > POINTS * 20)
    first.kill()
    first.wait()
    second = running.start(env, port)  # at once, with the first one's processes still on their way out
    try:
        assert not any(alive(pid) for pid in crew.values())
        assert running.mqtt_port(tmp_path) == int(env["SHOUWANG_MQTT_PORT"])
        before = len(gateway.acknowledged)
        until(lambda: len(gateway.acknowledged) > before + POINTS * 20)
        gateway.finish()
        expected = gateway.episodes()
        until(lambda: Counter(code for code, in rows(tmp_path, f"SELECT p.code {ALERTS}")) == expected)
        assert set(map(tuple, running.python(env, READ))) == set(gateway.acknowledged)
        refused = running.attempt(env, "up", "--demo", "", "--port", str(running.free_port()))
        assert refused.returncode == 1
        assert "已有一个 shouwang up 在运行" in refused.stderr
    finally:
        second.terminate()
        second.wait(30)


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
