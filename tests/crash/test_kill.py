"""kill -9 of any process under load: no acknowledged reading, alert, matter or notice is lost or doubled."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

ROOT = Path(__file__).parents[2]
POINTS = 20
KILLS = 8
SECONDS = 16


class Gateway(threading.Thread):
    """Publishes each point's readings in order; `acknowledged` holds (point, ms, value) the endpoint vouched for."""

    def __init__(self, token: str, port: int) -> None:
        super().__init__(daemon=True)
        self.waiting: dict[int, tuple[int, int, float]] = {}
        self.acknowledged: set[tuple[int, int, float]] = set()
        self.sent: dict[int, list[tuple[int, float]]] = {n: [] for n in range(POINTS)}
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="kill", clean_session=False)
        self.client.username_pw_set(token)
        self.client.max_inflight_messages_set(1)  # strictly in order, also when sent again
        self.client.reconnect_delay_set(0.1, 0.5)
        self.client.on_publish = self._acknowledged
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def _acknowledged(self, _client, _userdata, mid, _reason, _properties) -> None:
        with self.lock:
            self.acknowledged.add(self.waiting.pop(mid))

    def run(self) -> None:
        chance = random.Random(7)
        while not self.stop.is_set():
            point, now = chance.randrange(POINTS), time.time_ns() // 1_000_000
            if self.sent[point] and self.sent[point][-1][0] >= now:
                continue
            value = chance.choice([0.2, 0.2, 1.2])
            body = json.dumps({f"测量{point:03d}": [{"ts": now, "values": {"methane": value}}]})
            with self.lock:
                info = self.client.publish("v1/gateway/telemetry", body, qos=1)
                self.waiting[info.mid] = (point, now, value)
            self.sent[point].append((now, value))
            time.sleep(0.005)

    def drain(self) -> None:
        self.stop.set()
        self.join()
        until = time.monotonic() + 60
        while time.monotonic() < until and self.waiting:
            time.sleep(0.05)
        self.client.disconnect()
        assert not self.waiting, f"{len(self.waiting)} messages never acknowledged"


def query(data: Path, sql: str) -> list[tuple]:
    with sqlite3.connect(data / "shouwang.db", timeout=30) as db:
        return db.execute(sql).fetchall()


def until(what, within: float = 60):
    end = time.monotonic() + within
    while time.monotonic() < end:
        if got := what():
            return got
        time.sleep(0.1)
    raise AssertionError("timed out")


@pytest.fixture
def city(tmp_path):
    environment = {**os.environ, "SHOUWANG_DATA": str(tmp_path), "SHOUWANG_MQTT_PORT": "21883"}
    subprocess.run([sys.executable, "-m", "django", "migrate", "-v0"], env=environment, check=True)
    subprocess.run([sys.executable, "-m", "shouwang", "seed", "370800", "--enterprises", "6", "--points", "60"],
                   env=environment, check=True)
    made = subprocess.run([sys.executable, str(ROOT / "bench/gateway.py"), str(POINTS)], env=environment, check=True,
                          stdout=subprocess.PIPE)
    up = subprocess.Popen([sys.executable, "-m", "shouwang", "up", "--demo", "", "--port", "21880"], env=environment,
                          stdout=subprocess.DEVNULL)
    yield tmp_path, json.loads(made.stdout)["token"], environment
    up.terminate()
    up.wait(30)


@pytest.mark.crash
def test_nothing_acknowledged_is_lost_or_doubled(city):
    data, token, environment = city
    ports = data / "run" / "ingest.json"
    until(ports.exists)
    gateway = Gateway(token, json.loads(ports.read_text())["mqtt"])
    gateway.start()
    chance = random.Random(11)
    for _ in range(KILLS):
        time.sleep(SECONDS / KILLS * chance.uniform(0.5, 1.5))
        pids = json.loads((data / "run" / "pids.json").read_text())
        os.kill(pids[chance.choice(["ingest", "ingest", "beat", "beat", "history"])], signal.SIGKILL)
        time.sleep(1.5)
    gateway.drain()
    expected = episodes(gateway)
    until(lambda: len(query(data, ALERTS)) >= sum(expected.values()))
    time.sleep(2)  # whatever would be doubled has had time to appear

    assert Counter(code for code, *_ in query(data, ALERTS)) == expected
    assert query(data, "SELECT count(*) FROM flows_matter WHERE about LIKE 'alert:%' GROUP BY about HAVING count(*) > 1") == []
    assert len(query(data, MATTERS)) == sum(expected.values())
    assert query(data, "SELECT rule, point FROM rules_alertchange WHERE seq IS NOT NULL GROUP BY rule, point "
                       "HAVING count(*) != max(seq) - min(seq) + 1") == []
    assert query(data, "SELECT to_id, about FROM notify_notice WHERE to_id IS NOT NULL AND about IN "
                       "(SELECT 'matter:' || id FROM flows_matter WHERE state = 'handle') "
                       "GROUP BY to_id, about, text HAVING count(*) > 1") == []
    assert readings(environment) >= {(f"BENCH-{p:03d}", t, v) for p, t, v in gateway.acknowledged}


ALERTS = ("SELECT p.code, a.active FROM rules_alert a JOIN subjects_point p ON p.id = a.point_id "
          "WHERE a.rule = 'mine_net.methane' AND p.code LIKE 'BENCH-%'")
MATTERS = f"SELECT id FROM flows_matter WHERE about IN (SELECT 'alert:' || a.id FROM rules_alert a " \
          f"JOIN subjects_point p ON p.id = a.point_id WHERE a.rule = 'mine_net.methane' AND p.code LIKE 'BENCH-%')"


def episodes(gateway: Gateway) -> Counter:
    """The oracle: an episode is a rise from under 1.0 to 1.0 or more, in order of time."""
    counted: Counter = Counter()
    for point, sent in gateway.sent.items():
        before = 0.0
        for _, value in sent:
            if value >= 1.0 > before:
                counted[f"BENCH-{point:03d}"] += 1
            before = value
    return counted


READ = """
import json, time
from shouwang.boot import boot
boot()
from pathlib import Path
from django.conf import settings
from shouwang.engines.subjects.models import Point
from shouwang.engines.telemetry import read
points = dict(Point.objects.filter(code__startswith="BENCH-").values_list("id", "code"))
found = read.series(list(points), 0, int(time.time() * 1000) + 1000, max_points=10_000_000)
print(json.dumps([[points[s.point], int(t), round(float(v), 2)] for s in found for t, v in zip(s.t, s.v)]))
"""


def readings(environment) -> set[tuple[str, int, float]]:
    told = subprocess.run([sys.executable, "-c", READ], env=environment, check=True, stdout=subprocess.PIPE)
    rows = [tuple(r) for r in json.loads(told.stdout)]
    assert len(rows) == len(set(rows)), "doubled readings"
    return set(rows)
