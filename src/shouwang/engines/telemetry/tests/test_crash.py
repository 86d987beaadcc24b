"""kill -9 at any instant: no acknowledged reading and no transition lost, doubled or numbered twice."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shouwang.engines.telemetry import journal, wal

from .cast import LIMIT, make_plan, publish
from .victim import DELAY, POINTS, moment, value

STEPS = 700


def start(data: Path, first: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "shouwang.engines.telemetry.tests.victim", str(data), str(first),
                             str(STEPS)], stdout=subprocess.PIPE)


def acknowledged(raw: bytes) -> int:
    """The last step acknowledged; steps are acknowledged in order."""
    lines = raw.split(b"\n")[:-1]
    return int(lines[-1]) if lines else 0


def expected() -> list[tuple[int, int, str, int, int]]:
    """The clean answer, by a loop that knows nothing of the engine: (point, seq, kind, since, at)."""
    out = []
    for point in POINTS:
        since, raised, seq = 0, False, 0
        for step in range(1, STEPS + 1):
            t, v = moment(step), value(point, step)
            if v <= LIMIT:
                if raised:
                    seq += 1
                    out.append((point, seq, "cleared", t, t))
                since, raised = 0, False
                continue
            since = since or t
            if not raised and t - since >= DELAY:
                raised, seq = True, seq + 1
                out.append((point, seq, "raised", since, t))
    return sorted(out)


def kept(data: Path) -> dict[tuple[int, int], int]:
    """Every reading in the log: (point id, t) → value."""
    out: dict[tuple[int, int], int] = {}
    for path in wal.segments(data / "wal"):
        opened = wal.records(path)
        assert opened is not None
        ids, _ = opened[0].points()
        for record in opened[1]:
            out.update({(int(ids[p]), int(t)): int(v)
                        for p, t, v in zip(record.point, record.t, record.v, strict=True)})
    return out


def numbers(data: Path) -> list[int]:
    return [x.n for x in journal.read_after(data / "journal", 0, 100_000)]


@pytest.mark.crash
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_again_and_again_the_answer_is_the_clean_one(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    publish(tmp_path, make_plan(1))
    done, kills, versions = 0, 0, 1
    until = time.monotonic() + 90
    while done < STEPS:
        assert time.monotonic() < until
        child = start(tmp_path, max(1, done - 3))  # gateways resend what they are not sure of
        try:
            raw, _ = child.communicate(timeout=chance.uniform(0.35, 1.1) if kills < 8 else None)
        except subprocess.TimeoutExpired:
            child.kill()
            raw, _ = child.communicate()
            kills += 1
        else:
            assert child.returncode == 0
        done = max(done, acknowledged(raw))
        have = kept(tmp_path)
        assert all(have[p, moment(s)] == value(p, s) for p in POINTS for s in range(1, done + 1))
        if chance.random() < 0.5:
            versions += 1  # the next plan has the same points in other rows
            publish(tmp_path, make_plan(versions, sources=2 + versions, first_id=1001 if versions % 2 else 998))
    assert kills >= 2
    found = journal.read_after(tmp_path / "journal", 0, 100_000)
    assert [x.n for x in found] == list(range(1, len(found) + 1))
    assert sorted((x.point, x.seq, x.kind, x.since, x.at) for x in found) == expected()


@pytest.mark.crash
def test_without_any_snapshot_the_log_alone_brings_it_back(tmp_path: Path) -> None:
    publish(tmp_path, make_plan(1))
    child = start(tmp_path, 1)
    assert child.stdout is not None
    while acknowledged(child.stdout.readline()) < 200:
        pass
    child.kill()
    raw, _ = child.communicate()
    done = max(200, acknowledged(raw))
    snaps = sorted((tmp_path / "snapshot").glob("*.snap"))
    assert snaps
    for n, path in enumerate(snaps):  # one gone, the other damaged
        path.unlink() if n else path.write_bytes(path.read_bytes()[:-1] + b"?")
    end = start(tmp_path, done)
    end.communicate(timeout=60)
    assert end.returncode == 0
    found = journal.read_after(tmp_path / "journal", 0, 100_000)
    assert [x.n for x in found] == list(range(1, len(found) + 1))
    assert sorted((x.point, x.seq, x.kind, x.since, x.at) for x in found) == expected()


@pytest.mark.crash
def test_a_lost_journal_tail_is_written_again_with_the_same_numbers(tmp_path: Path) -> None:
    publish(tmp_path, make_plan(1))
    child = start(tmp_path, 1)
    child.communicate(timeout=60)
    before = journal.read_after(tmp_path / "journal", 0, 100_000)
    path = journal.files(tmp_path / "journal")[-1]
    raw = path.read_bytes()
    path.write_bytes(raw[:len(raw) * 2 // 3])  # as after a power cut: the middle of a line
    again = start(tmp_path, STEPS)
    again.communicate(timeout=60)
    assert again.returncode == 0
    assert journal.read_after(tmp_path / "journal", 0, 100_000) == before
