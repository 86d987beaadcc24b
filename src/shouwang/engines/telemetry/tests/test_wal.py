"""The log survives a cut at every byte of its last record, and a disk that is full."""

import asyncio
import os
import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from shouwang.engines.telemetry import journal, wal
from shouwang.engines.telemetry.intake import Ingest
from shouwang.engines.telemetry.journal import Transition

from .cast import T0, Threshold, begun, give, make_plan, publish, readings


def record(number: int, n: int = 3, found: bytes = b"") -> wal.Record:
    return wal.Record(number, T0 + number, wal.BATCH, T0 + np.arange(n), np.arange(n, dtype="u4"),
                      np.arange(n, dtype="i4") - 1, np.zeros(n, "u1"), found)


def test_a_tail_torn_at_any_byte_leaves_exactly_the_whole_records(tmp_path: Path) -> None:
    log = wal.Wal(tmp_path, 0)
    log.open(make_plan(7), T0)
    log.write(wal.encode(record(1)) + wal.encode(record(2)), 2)
    whole = log.size
    log.write(wal.encode(record(3, 2, b"xyz")), 3)
    log.close()
    path = wal.segments(tmp_path)[0]
    raw = path.read_bytes()
    for cut in range(whole, len(raw) + 1):
        path.write_bytes(raw[:cut])
        last = wal.heal(tmp_path)
        opened = wal.records(path)
        assert opened is not None
        numbers = [r.number for r in opened[1]]
        assert (last, numbers) == ((3, [1, 2, 3]) if cut == len(raw) else (2, [1, 2])), cut
        assert path.stat().st_size == (cut if cut == len(raw) else whole)


@pytest.mark.parametrize("at", [0, 5, 20, 30, 40, 60, 80])
def test_a_damaged_byte_is_never_read_as_a_reading(tmp_path: Path, at: int) -> None:
    raw = bytearray(wal.encode(record(1)))
    raw[at] ^= 0x40
    assert wal.decode(bytes(raw), 0) is None


def test_a_segment_torn_at_birth_is_removed(tmp_path: Path) -> None:
    log = wal.Wal(tmp_path, 0)
    log.open(make_plan(1), T0)
    log.write(wal.encode(record(1)), 1)
    log.open(make_plan(1), T0)
    log.close()
    last = wal.segments(tmp_path)[-1]
    raw = last.read_bytes()
    for cut in range(0, len(raw), 7):
        last.write_bytes(raw[:cut])
        assert wal.heal(tmp_path) == 1
        assert len(wal.segments(tmp_path)) == 1


def test_a_full_disk_stops_acknowledgements_and_says_so_and_goes_on(tmp_path: Path) -> None:
    """A limit on file size is what a full disk is to a writer: an error in the middle of a write."""
    publish(tmp_path, make_plan(1))
    acked: list[str] = []

    async def story() -> None:
        ingest = await begun(tmp_path)
        await give(ingest, 0, (0, T0, 900))
        size = ingest.wal.size
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, before[1]))  # room for half a record
        try:
            assert ingest.offer(0, readings((0, T0 + 1, 100), (1, T0 + 1, 900)), lambda: acked.append("a"))
            beat = asyncio.create_task(ingest.tick())
            await asyncio.sleep(0.3)
            assert not acked
            assert "已停止确认" in ingest.problems["log"]
            assert len(journal.read_after(tmp_path / "journal", 0)) == 1
            assert ingest.wal.size == size
            assert os.path.getsize(wal.segments(tmp_path / "wal")[-1]) == size  # nothing half-written
            assert ingest.offer(0, readings((2, T0 + 1, 900)), lambda: acked.append("b"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        await beat
        assert acked == ["a"]
        assert ingest.problems == {}
        await ingest.tick()
        assert acked == ["a", "b"]
        await ingest.stop()

    asyncio.run(story())
    kinds = [(x.n, x.point, x.kind) for x in journal.read_after(tmp_path / "journal", 0)]
    assert kinds == [(1, 1001, "raised"), (2, 1001, "cleared"), (3, 1002, "raised"), (4, 1003, "raised")]


def test_stopping_while_the_disk_is_full_acknowledges_nothing(tmp_path: Path) -> None:
    publish(tmp_path, make_plan(1))
    acked: list[str] = []

    async def story() -> None:
        ingest = await begun(tmp_path)
        await give(ingest, 0, (0, T0, 100))
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (ingest.wal.size + 10, before[1]))
        try:
            ingest.offer(0, readings((0, T0 + 1, 900)), lambda: acked.append("a"))
            beat = asyncio.create_task(ingest.tick())
            await asyncio.sleep(0.1)
            ingest._stopping.set()
            await beat
            await ingest.stop()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    asyncio.run(story())
    assert not acked
    again = Ingest(tmp_path, Threshold())  # the unacknowledged reading may be sent again and is then news
    assert again.machine.standing.t[0] == T0
    assert again.machine.numbers.n == 0


def test_a_journal_that_cannot_be_written_waits_and_is_written_later(tmp_path: Path) -> None:
    """The log has room, the journal has not: readings are acknowledged, transitions follow when there is room."""
    publish(tmp_path, make_plan(1))

    async def story() -> list[int]:
        ingest = await begun(tmp_path)
        for step in range(30):
            await give(ingest, 0, (0, T0 + step, 900 if step % 2 else 100))
        ingest.wal._born = 0  # a fresh, small segment
        room = os.path.getsize(journal.files(tmp_path / "journal")[-1])
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room + 20, before[1]))
        try:
            assert await give(ingest, 0, (1, T0, 900))
            assert await give(ingest, 0, (2, T0, 900))
            assert "预警暂缓" in ingest.problems["journal"]
            assert os.path.getsize(journal.files(tmp_path / "journal")[-1]) == room
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        await ingest.tick()
        assert ingest.problems == {}
        await ingest.stop()
        return [x.n for x in journal.read_after(tmp_path / "journal", 0)]

    numbers = asyncio.run(story())
    assert numbers == list(range(1, len(numbers) + 1))
    assert [x.point for x in journal.read_after(tmp_path / "journal", len(numbers) - 2)] == [1002, 1003]


def test_segments_go_only_when_history_and_snapshot_are_beyond_them(tmp_path: Path) -> None:
    log = wal.Wal(tmp_path / "wal", 0)
    for n in range(1, 5):
        log.open(make_plan(1), T0)
        log.write(wal.encode(record(n)), n)
    log.close()
    assert wal.prune(tmp_path, 99) == 0  # no history yet
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "TAKEN").write_text("3")
    assert wal.prune(tmp_path, 1) == 1
    assert wal.prune(tmp_path, 99) == 2
    assert [p.stem[-1] for p in wal.segments(tmp_path / "wal")] == ["4"]


def test_the_journal_reads_on_from_any_number_across_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "FULL", 600)
    pen = journal.Writer(tmp_path)
    for n in range(1, 21):
        pen.append([Transition(n, "r", 1, n, "raised", 1, 0, 0, 1.5, None)])
    assert len(journal.files(tmp_path)) > 3
    assert [x.n for x in journal.read_after(tmp_path, 0, 7)] == [1, 2, 3, 4, 5, 6, 7]
    assert [x.n for x in journal.read_after(tmp_path, 7, 5)] == [8, 9, 10, 11, 12]
    assert [x.n for x in journal.read_after(tmp_path, 3, 2)] == [4, 5]
    assert journal.read_after(tmp_path, 20) == []
    pen.append([Transition(21, "r", 1, 21, "cleared", 0, 0, 0, None, None)])
    assert [x.n for x in journal.read_after(tmp_path, 20)] == [21]
    with pytest.raises(ValueError, match="22"):
        pen.append([Transition(23, "r", 1, 23, "raised", 1, 0, 0, 1.0, None)])
    pen.close()
    assert journal.Writer(tmp_path).n == 21
