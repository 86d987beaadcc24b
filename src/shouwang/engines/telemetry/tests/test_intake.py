"""From an offer to an acknowledged, journalled transition, and what happens to what cannot be taken."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shouwang.engines.telemetry import health, intake, journal, seam, snapshot, wal
from shouwang.engines.telemetry.intake import Ingest
from shouwang.kernel import clock

from .cast import T0, Threshold, begun, give, make_plan, publish, readings, token


def test_over_limit_is_durable_then_acknowledged_then_journalled(tmp_path: Path) -> None:
    async def story() -> None:
        publish(tmp_path, make_plan(1))
        ingest = await begun(tmp_path)
        seen: list[str] = []

        def done() -> None:
            seen.append("ack")
            last = wal.records(wal.segments(tmp_path / "wal")[-1])
            assert last is not None
            assert any(len(r.t) for r in last[1])  # on disk before the acknowledgement
            assert journal.read_after(tmp_path / "journal", 0) == []  # and the journal follows it

        assert ingest.offer(0, readings((0, T0, 750), (1, T0, 900)), done)
        await ingest.tick()
        assert seen == ["ack"]
        found = journal.read_after(tmp_path / "journal", 0)
        assert [(x.n, x.point, x.seq, x.kind, x.value, x.plan) for x in found] == [(1, 1002, 1, "raised", 90.0, 1)]
        await ingest.stop()

    asyncio.run(story())


def test_late_and_repeated_readings_are_kept_and_counted_but_not_judged(tmp_path: Path) -> None:
    async def story() -> None:
        publish(tmp_path, make_plan(1))
        ingest = await begun(tmp_path)
        await give(ingest, 0, (0, T0, 900), (0, T0, 100), (0, T0 + 5, 910))
        await give(ingest, 0, (0, T0 - 1, 100), (0, T0 + 4, 100), (0, T0 + 5, 100), (1, T0, 100))
        assert [x.kind for x in journal.read_after(tmp_path / "journal", 0)] == ["raised"]
        told = health.health(ingest)
        assert (told["readings"], told["late"]) == (7, 4)
        assert health.latest(ingest, [1001, 1002, 9])[1001] == (T0 + 5, 91.0, "good")
        await ingest.stop()

    asyncio.run(story())


def test_what_comes_in_one_tick_out_of_order_is_put_in_order(tmp_path: Path) -> None:
    async def story() -> None:
        publish(tmp_path, make_plan(1))
        ingest = await begun(tmp_path)
        await give(ingest, 0, (0, T0 + 5, 100), (0, T0 + 4, 950), (0, T0, 900), (0, T0 - 1, 100))
        found = [(x.at - T0, x.kind) for x in journal.read_after(tmp_path / "journal", 0)]
        assert found == [(0, "raised"), (5, "cleared")]
        assert health.health(ingest)["late"] == 0
        await ingest.stop()

    asyncio.run(story())


def test_impossible_times_and_points_are_refused_and_the_rest_is_taken(tmp_path: Path) -> None:
    async def story() -> None:
        publish(tmp_path, make_plan(1))
        ingest = await begun(tmp_path)
        ahead = clock.now_ms() + 3_600_000
        await give(ingest, 0, (0, ahead, 100), (1, 5, 100), (99, T0, 100), (2, T0, 100))
        ingest.offer(1, readings((3, T0, 2**40)), lambda: None)  # does not fit: the others do
        await give(ingest, 0, (0, T0, 100))
        told = health.health(ingest)
        assert told["readings"] == 2
        assert sum(told["refused"].values()) == 4
        assert told["sources"][1]["refused"] == {"internal": 1}
        ingest.refuse("10.0.0.9", "bad_credentials", "x" * 999)
        told = health.health(ingest)
        assert told["refused_unknown"] == {"bad_credentials": 1}
        assert len(told["refusals"][0]["excerpt"]) == 200
        await ingest.stop()

    asyncio.run(story())


def test_beyond_the_instrument_range_is_quality_over_range(tmp_path: Path) -> None:
    async def story() -> None:
        publish(tmp_path, make_plan(1))
        ingest = await begun(tmp_path)
        await give(ingest, 0, (0, T0, 2001), (1, T0, -1001, 5))
        assert health.latest(ingest, [1001, 1002]) == {1001: (T0, 200.1, "over_range"), 1002: (T0, None, "no_data")}
        await ingest.stop()

    asyncio.run(story())


def test_a_pending_alarm_of_a_silent_sensor_is_committed_by_the_sweep(tmp_path: Path) -> None:
    async def story() -> None:
        publish(tmp_path, make_plan(1))
        ingest = await begun(tmp_path, delay=10_000)
        await give(ingest, 0, (0, T0, 900))
        await give(ingest, 0, (1, T0 + 20_000, 100))  # the gateway goes on, the sensor does not
        ingest._swept -= 60_000
        await ingest.tick()
        assert [(x.kind, x.at) for x in journal.read_after(tmp_path / "journal", 0)] == [("raised", T0 + 10_000)]
        await ingest.stop()

    asyncio.run(story())


def test_plan_change_in_mid_stream_keeps_state_by_point_id(tmp_path: Path) -> None:
    async def story() -> None:
        publish(tmp_path, make_plan(1))
        ingest = await begun(tmp_path)
        await give(ingest, 0, (1, T0, 900))
        publish(tmp_path, make_plan(2, sources=3, digits=2, first_id=1002))  # 1002 is row 0 now, in hundredths
        await ingest._look()
        assert ingest.offer(1, readings((3, T0, 900)), lambda: None)  # decoded under plan 1: point 1004
        await ingest.tick()
        assert ingest.plan.version == 2
        assert health.latest(ingest, [1002, 1004]) == {1002: (T0, 90.0, "good"), 1004: (T0, 90.0, "good")}
        await give(ingest, 0, (0, T0 + 1, 500))
        kinds = [(x.n, x.point, x.seq, x.kind, x.plan) for x in journal.read_after(tmp_path / "journal", 0)]
        assert kinds == [(1, 1002, 1, "raised", 1), (2, 1004, 1, "raised", 1), (3, 1002, 2, "cleared", 2)]
        await ingest.stop()
        plans = [opened[0].plan for p in wal.segments(tmp_path / "wal") if (opened := wal.records(p))]
        assert plans == [1, 2]

    asyncio.run(story())


def test_a_broken_plan_is_told_and_the_old_one_stays(tmp_path: Path) -> None:
    async def story() -> None:
        publish(tmp_path, make_plan(1))
        ingest = await begun(tmp_path)
        publish(tmp_path, make_plan(2))
        (tmp_path / "plan" / "2" / "sources.json").write_text("{")
        await ingest._look()
        await give(ingest, 0, (0, T0, 900))
        assert ingest.plan.version == 1
        assert "读不出来" in ingest.problems["plan"]
        await ingest.stop()

    asyncio.run(story())


def test_offers_are_turned_away_when_too_much_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        publish(tmp_path, make_plan(1))
        ingest = await begun(tmp_path)
        monkeypatch.setattr(intake, "MOST_WAITING", 3)
        told: list[int] = []
        assert ingest.offer(0, readings((0, T0, 1), (1, T0, 1)), lambda: told.append(1))
        assert not ingest.offer(0, readings((0, T0 + 1, 1), (1, T0 + 1, 1)), lambda: told.append(2))
        await ingest.tick()
        assert ingest.offer(0, readings((0, T0 + 1, 1), (1, T0 + 1, 1)), lambda: told.append(3))
        await ingest.tick()
        assert told == [1, 3]
        assert health.health(ingest)["sources"][0]["events"]["busy"] == 1
        await ingest.stop()

    asyncio.run(story())


def test_a_silent_source_is_moved_on_by_the_clock_but_not_for_our_own_absence(tmp_path: Path) -> None:
    publish(tmp_path, make_plan(1))
    noon = datetime(2026, 3, 1, 4, tzinfo=UTC)
    ms = int(noon.timestamp() * 1000)

    async def story() -> None:
        with clock.at(noon):
            ingest = await begun(tmp_path, delay=10_000)
            await give(ingest, 0, (0, ms, 900))
            await give(ingest, 1, (3, ms, 900))
            standing = ingest.machine.standing
            clock.advance(timedelta(seconds=29))
            assert standing.watermarks(clock.now_ms()).tolist() == [ms - seam.SLACK_MS] * 2
            clock.advance(timedelta(minutes=10))
            again = Ingest(tmp_path, Threshold(10_000))  # killed and away for ten minutes
            await again.tick()
            assert journal.read_after(tmp_path / "journal", 0) == []  # the gateways still hold what we missed
            await give(again, 1, (3, ms + 5000, 100))
            for _ in range(80):
                clock.advance(timedelta(milliseconds=500))
                await again.tick()
            told = [(x.point, x.at) for x in journal.read_after(tmp_path / "journal", 0)]
            assert told == [(1001, ms + 10_000)]  # silence does not let a pending alarm wait for ever
            third = Ingest(tmp_path, Threshold(10_000))
            assert third.recovered.differing == 0
            assert third.machine.standing.heard.tolist() == again.machine.standing.heard.tolist()

    asyncio.run(story())


def test_find_knows_tokens_by_hash_only(tmp_path: Path) -> None:
    async def story() -> None:
        publish(tmp_path, make_plan(1))
        ingest = await begun(tmp_path)
        assert ingest.find(token(1)) == 1
        assert ingest.source(1).name == "网关1"
        assert ingest.find("nobody") is None
        await ingest.stop()

    asyncio.run(story())


@pytest.mark.parametrize("clean", [True, False])
def test_restart_goes_on_where_it_stopped(tmp_path: Path, clean: bool) -> None:
    async def story() -> None:
        publish(tmp_path, make_plan(1))
        ingest = await begun(tmp_path)
        await give(ingest, 0, (0, T0, 900), (1, T0, 100))
        if clean:
            await ingest.stop()
        again = await begun(tmp_path)
        assert bool(again.recovered.replayed) is not clean
        assert health.latest(again, [1001])[1001] == (T0, 90.0, "good")
        await give(again, 0, (0, T0, 900))  # a resent message
        await give(again, 0, (0, T0 + 1, 100))
        told = [(x.n, x.seq, x.kind) for x in journal.read_after(tmp_path / "journal", 0)]
        assert told == [(1, 1, "raised"), (2, 2, "cleared")]
        await again.stop()

    asyncio.run(story())


def test_restart_replays_only_what_the_snapshot_does_not_hold(tmp_path: Path) -> None:
    async def story() -> None:
        publish(tmp_path, make_plan(1))
        ingest = await begun(tmp_path)
        await give(ingest, 0, (0, T0, 100), (1, T0, 100))
        snapshot.write(tmp_path / "snapshot", ingest.machine.freeze())
        await give(ingest, 0, (0, T0 + 1, 900))
        again = await begun(tmp_path)  # killed
        assert (again.recovered.readings, again.recovered.differing) == (1, 0)
        told = health.health(again)
        assert (told["readings"], told["late"]) == (3, 0)
        await give(again, 0, (0, T0 + 2, 100))
        changes = [(x.n, x.seq, x.kind) for x in journal.read_after(tmp_path / "journal", 0)]
        assert changes == [(1, 1, "raised"), (2, 2, "cleared")]
        await again.stop()

    asyncio.run(story())
