"""The archive holds what was offered, however it was merged and closed, and curves tell it."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from shouwang.engines.telemetry import columns, history, read, snapshot, wal
from shouwang.engines.telemetry.intake import Ingest
from shouwang.kernel import clock

from .cast import T0, begun, give, make_plan, publish

DAY = history.day_of(T0)
BEGIN = history.begins(DAY)


def seal(ingest: Ingest) -> None:
    """The next write begins a new segment."""
    ingest.wal._born = 0


def everything(data: Path, *points: int) -> list[tuple[int, int, int, int]]:
    rows = read.raw(list(points), 0, 2**62, data)
    return list(zip(rows.point.tolist(), rows.t.tolist(), rows.v.tolist(), rows.q.tolist(), strict=True))


def test_history_equals_what_was_offered_at_every_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the log, in runs, in merged runs, in closed days: the same answer."""
    publish(tmp_path, make_plan(1))
    expected = {}

    async def story() -> None:
        ingest = await begun(tmp_path)
        for step in range(70):
            t = BEGIN + (step - 3) * 1000 if step < 60 else T0 - step  # the day before, the day, and late ones
            await give(ingest, 0, (0, t, step), (2, t, -step, 5 if step % 7 == 0 else 0))
            await give(ingest, 1, (4, t, step * 2))
            expected[1001, t], expected[1005, t] = (step, 0), (2 * step, 0)
            expected[1003, t] = (-step, 5 if step % 7 == 0 else 0)
            seal(ingest)
            wanted = sorted((p, t, v, q) for (p, t), (v, q) in expected.items())
            if step % 9 == 0:
                assert everything(tmp_path, 1001, 1003, 1005) == wanted
                history.round_once(tmp_path)
            if step % 13 == 0:
                assert everything(tmp_path, 1001, 1003, 1005) == wanted
        await ingest.stop()
        assert everything(tmp_path, 1001, 1003, 1005) == wanted
        monkeypatch.setattr(history, "SETTLE_S", -1)
        history.round_once(tmp_path)
        assert everything(tmp_path, 1001, 1003, 1005) == wanted
        assert everything(tmp_path, 1003) == [w for w in wanted if w[0] == 1003]

    asyncio.run(story())
    folder = history.folder_of(tmp_path / "history", DAY)
    assert history.runs(folder) == []
    assert sorted(p.name[0] for p in folder.iterdir()) == ["m", "s"]


def test_merging_makes_few_files_and_forgets_none(tmp_path: Path) -> None:
    publish(tmp_path, make_plan(1))

    async def story() -> None:
        ingest = await begun(tmp_path)
        for step in range(150):
            await give(ingest, 0, (step % 3, T0 + step, step))
            seal(ingest)
            if step > 1:
                history.take(tmp_path)
        folder = history.folder_of(tmp_path / "history", DAY)
        history.merge(folder)
        assert {p.name[0] for p in history.runs(folder)} == {"a", "b", "c"}
        assert len(history.runs(folder)) < 20
        assert [r[2] for r in sorted(everything(tmp_path, 1001, 1002, 1003), key=lambda r: r[1])] == list(range(150))
        await ingest.stop()

    asyncio.run(story())


def test_of_the_same_point_and_time_the_later_one_stands_wherever_it_lies(tmp_path: Path) -> None:
    publish(tmp_path, make_plan(1))
    history.write_past([1001, 1001], [T0, T0 + 1], [1, 1], 0, 1, tmp_path)

    async def story() -> None:
        ingest = await begun(tmp_path)
        for v in range(2, 6):
            await give(ingest, 0, (0, T0, v))
            seal(ingest)
            await give(ingest, 0, (1, T0, v))
            history.take(tmp_path)
            assert everything(tmp_path, 1001) == [(1001, T0, v, 0), (1001, T0 + 1, 1, 0)]
        history.close_day(history.folder_of(tmp_path / "history", DAY))
        assert everything(tmp_path, 1001) == [(1001, T0, 5, 0), (1001, T0 + 1, 1, 0)]
        await ingest.stop()

    asyncio.run(story())


def test_an_interrupted_merge_or_closing_is_repeated_without_harm(tmp_path: Path) -> None:
    publish(tmp_path, make_plan(1))

    async def story() -> None:
        ingest = await begun(tmp_path)
        for step in range(12):
            await give(ingest, 0, (0, T0 + step, step))
            seal(ingest)
            if step > 1:
                history.take(tmp_path)
        await ingest.stop()
        folder = history.folder_of(tmp_path / "history", DAY)
        before = everything(tmp_path, 1001)
        small = sorted(folder.glob("a-*"))
        copies = {p.name: p.read_bytes() for p in small}
        assert history.merge(folder) == 10
        for name, raw in copies.items():  # killed before tidying up
            (folder / name).write_bytes(raw)
        assert everything(tmp_path, 1001) == before
        assert history.drop_covered(folder) == 10
        copies = {p.name: p.read_bytes() for p in history.runs(folder)}
        history.close_day(folder)
        for name, raw in copies.items():
            (folder / name).write_bytes(raw)
        (folder / "s00000003.parquet.new").write_bytes(b"half")
        assert everything(tmp_path, 1001) == before
        history.close_day(folder)
        assert everything(tmp_path, 1001) == before
        assert len(before) == 12

    asyncio.run(story())


def test_log_segments_leave_when_history_and_snapshots_hold_them(tmp_path: Path) -> None:
    publish(tmp_path, make_plan(1))

    async def story() -> None:
        ingest = await begun(tmp_path)
        for step in range(6):
            await give(ingest, 0, (0, T0 + step, step))
            seal(ingest)
        assert len(wal.segments(tmp_path / "wal")) == 6
        for _ in range(2):
            snapshot.write(tmp_path / "snapshot", ingest.machine.freeze())
            ingest.machine.record += 1
        history.take(tmp_path)
        wal.prune(tmp_path, snapshot.oldest_record(tmp_path / "snapshot"))
        assert len(wal.segments(tmp_path / "wal")) == 1
        ingest.machine.record -= 2
        assert [r[2] for r in everything(tmp_path, 1001)] == list(range(6))
        await ingest.stop()

    asyncio.run(story())


def test_digits_of_the_time_are_kept_with_the_reading(tmp_path: Path) -> None:
    history.write_past([7, 7], [T0, T0 + 1], [125, 1260], 0, np.array([1, 2], "i1"), tmp_path)
    (curve,) = read.series([7], T0, T0 + 10, data=tmp_path)
    assert curve.v.tolist() == [12.5, 12.6]
    assert curve.bucket_ms == 0


def day_of_waves(data: Path, days: int = 1) -> np.ndarray:
    """One point each second of whole days at 20.0 with one spike of 99.0 and a hole without data."""
    t = BEGIN + np.arange(days * 86_400) * 1000
    v = np.full(len(t), 200)
    v[40_000], v[40_001] = 990, -50
    q = np.where((t >= t[50_000]) & (t < t[50_000] + 3_600_000), 5, 0)
    history.write_past(np.full(len(t), 7), t, v, q, 1, data)
    return t


@pytest.mark.parametrize("closed", [False, True])
def test_a_spike_stays_visible_in_buckets_and_no_data_is_no_zero(tmp_path: Path, closed: bool) -> None:
    t = day_of_waves(tmp_path)
    if closed:
        history.close_day(history.folder_of(tmp_path / "history", DAY))
    (curve,) = read.series([7], int(t[0]), int(t[-1]) + 1000, max_points=200, data=tmp_path)  # from summaries if closed
    assert len(curve.t) == 180
    assert curve.bucket_ms == 480_000
    assert curve.high[~np.isnan(curve.high)].max() == 99.0
    assert curve.low[~np.isnan(curve.low)].min() == -5.0
    spike = int(np.nanargmax(curve.high))
    assert curve.t[spike] <= t[40_000] < curve.t[spike] + curve.bucket_ms
    assert curve.v[0] == pytest.approx(20.0)
    hole = (curve.t >= t[50_000]) & (curve.t + curve.bucket_ms <= t[50_000] + 3_600_000)
    assert hole.sum() > 5
    assert np.isnan(curve.v[hole]).all()
    assert (curve.q[hole] == 5).all()
    inside = (curve.v[~hole & ~np.isnan(curve.v)] > 18)
    assert inside.all()  # a zero in place of no data would draw the mean down


def test_the_same_span_as_readings(tmp_path: Path) -> None:
    t = day_of_waves(tmp_path)
    (curve, none) = read.series([7, 8], int(t[10]), int(t[20]), data=tmp_path)
    assert curve.t.tolist() == t[10:20].tolist()
    assert curve.v.tolist() == [20.0] * 10
    assert (none.point, len(none.t)) == (8, 0)
    assert clock.from_ms(int(t[0])).astimezone(clock.LOCAL).hour == 0  # a day is a local day


def test_summaries_are_the_readings_summed(tmp_path: Path) -> None:
    chance = np.random.default_rng(3)
    n = 5000
    rows = columns.Rows(np.repeat([1, 2], n // 2), T0 + np.tile(np.arange(n // 2) * 7000, 2),
                        chance.integers(-500, 900, n).astype("i4"), np.full(n, 1, "i1"),
                        chance.choice([0, 1, 2, 5], n, p=[.7, .1, .1, .1]).astype("u1"))
    told = columns.summarise(rows)
    for k in chance.integers(0, len(told.t), 60).tolist():
        mine = rows.pick((rows.point == told.point[k]) & (rows.t // 60_000 * 60_000 == told.t[k]))
        good = mine.v[mine.q <= 1]
        assert told.n[k] == len(good)
        assert told.q[k] == mine.q.max()
        if len(good):
            assert (told.low[k], told.high[k]) == (good.min(), good.max())
            assert told.mean[k] == pytest.approx(good.mean(), rel=1e-6)
