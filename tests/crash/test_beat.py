"""kill -9 of the beat while it applies a journal: the same alerts, matters and notices as without a kill."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shouwang.engines.telemetry.journal import Transition, Writer

POINTS = 40
EPISODES = 6  # a point: raised, upgraded, cleared each time
KILLS = 5
SETUP = """
import sys
from shouwang import boot
boot.boot()
from datetime import timedelta
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)
from shouwang.engines.notify.models import Post, Shift
from shouwang.engines.rules import plan
from shouwang.engines.subjects.models import Point, Subject
from shouwang.engines.telemetry.models import Channel, Source
from shouwang.kernel import clock
from shouwang.kernel.models import Account, Grant

top = Subject.objects.create(kind="enterprise", code="JIA", name="甲厂", region="370829001")
Subject.objects.filter(pk=top.pk).update(top=top)
manager = Account.objects.create(username="manager", name="张安全")
Grant.objects.create(account=manager, role="safety_manager", subject=top.pk)
desk = Account.objects.create(username="desk", name="镇值班")
post = Post.objects.create(name="镇值班室", role="town_duty", region="370829001")
Shift.objects.create(post=post, account=desk, starts=clock.now() - timedelta(1), ends=clock.now() + timedelta(1))
source = Source.objects.create(name="g", token_hash="0" * 64)
for n in range(int(sys.argv[1])):
    tank = Subject.objects.create(kind="hot_tank", code=f"T{n}", name=f"{n}号罐", parent=top, top=top,
                                  region="370829001")
    point = Point.objects.create(subject=tank, code=f"P{n}", name="温度", quantity="temperature", unit="℃", h=60, hh=80)
    Channel.objects.create(point=point, source=source, device=f"d{n}", key="t")
plan.compile_plan()
"""
SCENE = {
    "scene.yaml": "id: hot\ntitle: 热罐\nuses: [subjects, rules, flows, notify]\n",
    "kinds.yaml": "- {id: hot_tank, title: 热罐, under: [enterprise], measured: true}\n",
    "rules.yaml": "- {id: hot, title: 热, quantity: temperature, of: hot_tank, tiers: ["
                  "{test: {above: {limit: h}}, level: yellow}, {test: {above: {limit: hh}}, level: red}]}\n",
    "flows.yaml": "- {id: warning, title: 处置, like: warning}\n",
    "links.yaml": "- {like: warning_loop}\n",
}


@pytest.fixture
def city(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A data folder with a plan and a journal nobody has applied yet."""
    for name, text in SCENE.items():
        path = tmp_path / "scenes" / "hot" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf8")
    data = tmp_path / "fresh"
    data.mkdir()
    env = {**os.environ, "SHOUWANG_DATA": str(data), "SHOUWANG_SCENES": str(tmp_path / "scenes" / "hot"),
           "DJANGO_SETTINGS_MODULE": "shouwang.settings", "SHOUWANG_SECRET_KEY": "test", "SHOUWANG_DATABASE": ""}
    subprocess.run([sys.executable, "-c", SETUP, str(POINTS)], env=env, check=True)
    write_journal(data)
    return data, env


def write_journal(data: Path) -> None:
    """Each point's episodes one after the other: yellow, then red, then over."""
    points = [r[0] for r in rows(data, "SELECT id FROM subjects_point ORDER BY id")]
    out, at, seq = [], int(time.time() * 1000), dict.fromkeys(points, 0)
    for _ in range(EPISODES):
        for kind, tier, value in (("raised", 1, 61.0), ("upgraded", 2, 81.0), ("cleared", 0, 20.0)):
            for point in points:
                seq[point] += 1
                at += 7
                out.append(Transition(len(out) + 1, "hot.hot", point, seq[point], kind, tier, at - 5, at, value, 60.0,
                                      plan=1))
    writer = Writer(data / "journal")
    writer.append(out)
    writer.close()


def rows(data: Path, sql: str) -> list[tuple]:
    with sqlite3.connect(data / "shouwang.db", timeout=30) as db:
        return db.execute(sql).fetchall()


def number(data: Path, sql: str) -> int:
    return rows(data, sql)[0][0]


def beat(env: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "shouwang", "beat"], env=env)


def idle(data: Path) -> bool:
    """Everything applied, and no link waits."""
    applied = rows(data, "SELECT position FROM rules_intake")
    waiting = number(data, "SELECT count(*) FROM kernel_errand WHERE done_at IS NULL")
    return bool(applied) and applied[0][0] == POINTS * EPISODES * 3 and not waiting


def finish(data: Path, env: dict[str, str], beats: int = 1) -> None:
    """Undisturbed beats until nothing is left to do; they end politely."""
    processes, end = [beat(env) for _ in range(beats)], time.monotonic() + 300
    while not idle(data):
        assert all(p.poll() is None for p in processes)
        assert time.monotonic() < end, "the beat did not finish"
        time.sleep(0.1)
    for process in processes:
        process.send_signal(signal.SIGTERM)
    assert [p.wait(20) for p in processes] == [0] * beats


def counted(data: Path) -> dict[str, object]:
    """What must not depend on kills."""
    return {
        "alerts": rows(data, "SELECT point_id, count(*), sum(active), max(seq) FROM rules_alert GROUP BY 1 ORDER BY 1"),
        "lines": rows(data, "SELECT point, kind, count(*) FROM rules_alertchange GROUP BY 1, 2 ORDER BY 1, 2"),
        "matters": rows(data, "SELECT about, level, state, count(*) FROM flows_matter GROUP BY 1, 2, 3 ORDER BY 1"),
        "notices": rows(data, "SELECT about, count(*) FROM notify_notice GROUP BY 1 ORDER BY 1"),
        "events": rows(data, "SELECT type, count(*) FROM kernel_event GROUP BY 1 ORDER BY 1"),
    }


@pytest.mark.crash
def test_kills_change_nothing(city: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    data, env = city
    quiet = tmp_path / "quiet"
    shutil.copytree(data, quiet)
    finish(quiet, {**env, "SHOUWANG_DATA": str(quiet)})

    chance, cut_short = random.Random(5), 0
    for _ in range(KILLS):
        process = beat(env)
        started = data / "run" / "beat.json"
        started.unlink(missing_ok=True)
        while not started.exists() and not number(data, "SELECT count(*) FROM rules_intake"):
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(chance.uniform(0.1, 1.5))
        process.kill()
        process.wait()
        cut_short += not idle(data)
    finish(data, env, beats=2)  # and two of them, by mistake of an administrator, do no harm

    expected = counted(quiet)
    assert sum(n for _, n, *_ in expected["alerts"]) == POINTS * EPISODES
    assert len(expected["matters"]) == POINTS * EPISODES
    assert counted(data) == expected
    assert cut_short >= 1, "the kills came too late to prove anything"
    health = json.loads((data / "run" / "beat.json").read_text("utf8"))
    assert health["lag"]["journal"] == {"ingest": POINTS * EPISODES * 3}
    assert all(not s["error"] for s in health["steps"].values()), health
