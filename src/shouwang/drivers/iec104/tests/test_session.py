"""The client against an outstation over a real socket, the disk played by the test."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from shouwang.drivers.configured import Setting
from shouwang.drivers.iec104 import asdu, serve
from shouwang.drivers.iec104.elements import IV, NT, OV, Fields
from shouwang.drivers.iec104.link import Timing
from shouwang.drivers.iec104.simulate import Outstation
from shouwang.drivers.limits import DEFAULT
from shouwang.drivers.tests.desk import Desk, run, until
from shouwang.engines.telemetry.plan import POINT, Plan, PointUnits, SourcePlan
from shouwang.engines.telemetry.quality import FAULT, GOOD, NO_DATA, OVER_RANGE, UNCERTAIN
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput

SOURCE = "甲厂变电所"
STATE, LEVEL, COUNT, SCALED, DOUBLE = range(5)
POINTS: list[tuple[int, Fields]] = [
    (1, {"ioa": 1, "value": 1}), (13, {"ioa": 11, "value": 1.05}), (15, {"ioa": 2, "value": 77}),
    (11, {"ioa": 12, "value": 123}), (3, {"ioa": 3, "value": 2})]
SOON = {"retry_from": 0.01, "retry_to": 0.05}


def plan(version: int = 1, registered: bool = True) -> Plan:
    points = np.zeros(5, POINT)
    points["id"], points["digits"] = [1, 2, 3, 4, 5], [0, 3, 0, 1, 0]
    keys = {"1": STATE, "11": LEVEL, "2": COUNT, "12": SCALED, "3": DOUBLE}
    source = SourcePlan(SOURCE, "gateway", hashlib.sha256(b"x").hexdigest(), {"47": keys})
    return Plan(version, points, [PointUnits("", {})] * 5, [source] if registered else [])


@asynccontextmanager
async def story(desk: Desk, timing: Timing | None = None, **options: Any) -> AsyncIterator[Outstation]:
    """甲厂's outstation with a client following it."""
    desk.plan = plan()
    station = await Outstation(47, [(n, dict(one)) for n, one in POINTS], timing).listen()
    given = {"host": "127.0.0.1", "port": station.port, **SOON, **options}
    client = await serve(desk, Setting("iec104", SOURCE, options=given), DEFAULT)
    try:
        yield station
    finally:
        await client.close()
        await station.close()


def taken(desk: Desk) -> list[tuple[int, int, int]]:
    return [(point, v, q) for _, point, _, v, q in desk.taken]


SNAPSHOT = [(STATE, 1, GOOD), (LEVEL, 1050, GOOD), (SCALED, 1230, GOOD), (DOUBLE, 1, GOOD)]


def test_after_the_start_the_present_state_is_asked_for() -> None:
    async def told() -> None:
        desk = Desk()
        async with story(desk, counters_every=3600.0) as station:
            await until(lambda: len(desk.taken) == 5)
            assert taken(desk) == [*SNAPSHOT, (COUNT, 77, GOOD)]
            assert [(u.type, u.ca) for u in station.asked] == [(100, asdu.GLOBAL), (101, asdu.GLOBAL)]
            assert desk.events == [(SOURCE, "connected")]
            assert desk.refused == []
    run(told)


def test_the_state_is_asked_for_again_and_again() -> None:
    async def told() -> None:
        desk = Desk()
        async with story(desk, interrogate_every=0.02, counters_every=0.02) as station:
            await until(lambda: len(desk.taken) >= 15)
            assert {unit.type for unit in station.asked} == {100, 101}
            assert len(station.asked) >= 6
    run(told)


def test_spontaneous_data_keep_their_time_and_quality() -> None:
    async def told() -> None:
        desk = Desk()
        now = clock.now_ms() // 1000 * 1000
        at = clock.from_ms(now).astimezone(clock.from_ms(0).tzinfo).strftime("%Y-%m-%d %H:%M:%S.250")
        async with story(desk, utc_offset=clock.from_ms(0).utcoffset().total_seconds() / 3600,  # type: ignore[union-attr]
                         scale={"47/12": "0.1"}) as station:
            await until(lambda: len(desk.taken) == 4)
            assert taken(desk)[2] == (SCALED, 123, GOOD)  # 12.3 with one digit
            desk.taken.clear()
            told = {"ioa": 11, "value": 2.5, "time": at}
            station.tell(36, told, told | {"quality": OV})
            station.tell(36, told | {"summer": 1})
            station.tell(13, {"ioa": 11, "value": 2.5, "quality": IV}, {"ioa": 12, "value": 9, "quality": NT})
            station.tell(36, {"ioa": 11, "value": 2.5, "time": "2000-01-01 00:00:00.000", "time_invalid": 1})
            station.tell(3, {"ioa": 3, "value": 0})
            station.tell(13, {"ioa": 11, "value": float("nan")})
            await until(lambda: len(desk.taken) == 8)
            assert taken(desk) == [
                (LEVEL, 2500, GOOD), (LEVEL, 2500, OVER_RANGE), (LEVEL, 2500, GOOD), (LEVEL, 2500, FAULT),
                (SCALED, 0, NO_DATA), (LEVEL, 2500, UNCERTAIN), (DOUBLE, 0, NO_DATA), (LEVEL, 0, NO_DATA)]
            assert [t for _, _, t, _, _ in desk.taken[:3]] == [now + 250, now + 250, now + 250 - 3_600_000]
    run(told)


def test_the_station_may_forget_only_what_is_on_disk() -> None:
    async def told() -> None:
        desk = Desk(instant=False)
        async with story(desk, w=1) as station:
            await until(lambda: len(desk.taken) == 4)
            assert station.link is not None
            delivered = len(station.link.undelivered())
            assert delivered >= 4  # nothing but the confirmation can be acknowledged before them
            desk.durable()
            await until(lambda: station.link is not None and not station.link.undelivered())
            station.tell(13, {"ioa": 11, "value": 3.0})
            await until(lambda: len(desk.taken) == 5)
            station.drop()  # taken and not on disk: it comes again
            await until(lambda: station.connections == 2 and len(desk.taken) >= 6)
            assert taken(desk)[5] == (LEVEL, 3000, GOOD)
            desk.instant = True
            desk.durable()
            await until(lambda: station.link is not None and not station.link.undelivered())
    run(told)


def test_after_a_break_what_happened_meanwhile_comes_and_the_state_is_asked_again() -> None:
    async def told() -> None:
        desk = Desk()
        async with story(desk) as station:
            await until(lambda: len(desk.taken) == 4)
            station.drop()
            await until(lambda: station.link is None)
            station.tell(13, {"ioa": 11, "value": 9.0})
            await until(lambda: len(desk.taken) == 9)
            assert taken(desk)[4:] == [(LEVEL, 9000, GOOD), *SNAPSHOT]
            assert desk.events == [(SOURCE, e) for e in ("connected", "disconnected", "connected")]
    run(told)


def test_a_gap_in_the_numbers_ends_the_connection_and_the_next_one_brings_all() -> None:
    async def told() -> None:
        desk = Desk()
        async with story(desk, w=1) as station:
            await until(lambda: len(desk.taken) == 4)
            await until(lambda: station.link is not None and not station.link.undelivered())
            assert station.link is not None
            station.link.sent += 1
            station.tell(13, {"ioa": 11, "value": 9.0})
            await until(lambda: len(desk.taken) == 9)
            assert desk.reasons() == ["sequence"]
            assert (LEVEL, 9000, GOOD) in taken(desk)[4:]
    run(told)


def test_a_station_that_hangs_is_left_after_t1() -> None:
    async def told() -> None:
        desk = Desk()
        async with story(desk, t1=0.2, t2=0.1, t3=0.1) as station:
            await until(lambda: len(desk.taken) == 4)
            station.mute = True
            await until(lambda: station.connections >= 2)
            assert "no_answer" in desk.reasons()
            station.mute = False
            await until(lambda: len(desk.taken) >= 8)
    run(told)


def test_a_full_intake_stops_the_reading_and_nothing_is_lost() -> None:
    async def told() -> None:
        desk = Desk()
        async with story(desk) as station:
            await until(lambda: len(desk.taken) == 4)
            desk.full = True
            for n in range(40):
                station.tell(13, {"ioa": 11, "value": float(n)})
            await until(lambda: station.link is not None and len(station.link.undelivered()) >= 40)
            assert len(desk.taken) == 4
            desk.full = False
            await until(lambda: len(desk.taken) == 44)
            assert [v for _, v, _ in taken(desk)[4:]] == [1000 * n for n in range(40)]
            assert desk.refused == []
    run(told)


def test_tests_strangers_and_refusals_are_counted() -> None:
    async def told() -> None:
        desk = Desk()
        async with story(desk, stations=[47, 48]) as station:
            await until(lambda: len(desk.taken) == 4 and desk.reasons() == ["negative"])  # 48 is nobody here
            station.tell(13, {"ioa": 11, "value": 1.0}, test=1)
            station.tell(13, {"ioa": 99, "value": 1.0})
            assert station.writer is not None
            station.writer.write(b"\x00\xff")
            station.tell(70, {"ioa": 0, "coi": 0}, cause=4)
            await until(lambda: len(desk.taken) == 8)  # a station that began anew is asked again
            assert desk.reasons()[:4] == ["negative", "test_frame", "unknown_key", "malformed"]
    run(told)


def test_a_source_not_registered_is_waited_for_and_left_when_it_goes() -> None:
    async def told() -> None:
        desk = Desk()
        async with story(desk) as station:
            await until(lambda: len(desk.taken) == 4)
            desk.plan = plan(2, registered=False)
            station.tell(13, {"ioa": 11, "value": 5.0})
            await until(lambda: station.link is None)
            assert desk.reasons() == ["unknown_source"]
            desk.plan = plan(3)
            await until(lambda: (LEVEL, 5000, GOOD) in taken(desk))
    run(told)


def test_nobody_there_is_counted_and_tried_again() -> None:
    async def told() -> None:
        desk = Desk()
        async with story(desk) as station:
            await until(lambda: len(desk.taken) == 4)
            port = station.port
            await station.close()
            await until(lambda: desk.reasons().count("no_answer") >= 2)
            station.unsent.clear()
            await station.listen(port=port)
            await until(lambda: len(desk.taken) == 8)
    run(told)


@pytest.mark.parametrize("options", [{}, {"host": "x", "t2": 20}, {"host": "x", "w": 13}, {"host": "x", "user": "y"},
                                     {"host": "x", "scale": {"47/1": "much"}}, {"host": "x", "utc_offset": 25},
                                     {"host": "x", "retry_from": 0}, {"host": "x", "interrogate_every": -1}])
def test_wrong_options_are_named(options: dict[str, Any]) -> None:
    async def told() -> None:
        with pytest.raises(BadInput, match=SOURCE):
            await serve(Desk(), Setting("iec104", SOURCE, options=options), DEFAULT)
    run(told)
