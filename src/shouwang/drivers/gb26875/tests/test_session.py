"""Transmitters over real sockets, the test playing the disk."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies

from shouwang.drivers import line
from shouwang.drivers.configured import Setting
from shouwang.drivers.gb26875 import objects, serve
from shouwang.drivers.gb26875 import simulate as sim
from shouwang.drivers.gb26875.packet import ACK, CONTROL, REJECT, RESPONSE, SEND, Frame
from shouwang.drivers.gb26875.readings import moment, rows
from shouwang.drivers.gb26875.session import GARBAGE
from shouwang.drivers.gb26875.tests.frames import SOURCE, TARGET, packet, vectors
from shouwang.drivers.limits import DEFAULT
from shouwang.drivers.tests.desk import Desk, run, until
from shouwang.engines.telemetry.plan import POINT, Plan, PointUnits, SourcePlan
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput

STATE = "010101020402040009020715"  # system 1.2: fault, shielded bits 2 and 9, 2021-07-02 09:00:04
ANALOG = "030101022801020304032003040009020715"
PART = "0201010300d90006000200a3c1c7f8a3b1b2e3dfc8b2b8d7dfc0c8000000000000000000000000000000040009020715"
KEYS = {"s1.2-fault": "", "s1.2-fire_alarm": "", "s1.2.p40.01020304-temperature": "℃",
        "s1.3.p0.d9000600-fire_alarm": "", "t-op_post_answered": "", "t-status": "", "s1.1.p40.d9000600-fire_alarm": "",
        "s1.1.p40.d9000600-temperature": "℃", "s1.2-op_manual_alarm": ""}
AT = datetime(2021, 7, 2, 9, 25, 8, tzinfo=clock.LOCAL)
T = int(datetime(2021, 7, 2, 9, 0, 4, tzinfo=clock.LOCAL).timestamp()) * 1000


def plan() -> Plan:
    """One transmitter with every key of KEYS, one decimal."""
    points = np.zeros(len(KEYS), POINT)
    points["id"], points["digits"] = np.arange(len(KEYS)) + 1, 1
    source = SourcePlan("消防远程监控", "gateway", "", {SOURCE: {key: n for n, key in enumerate(KEYS)}})
    return Plan(1, points, [PointUnits(unit, {}) for unit in KEYS.values()], [source])


@asynccontextmanager
async def centre(desk: Desk, **options: Any) -> AsyncIterator[sim.Transmitter]:
    """A transmitter connected to a running driver, on the day of the captured packets."""
    desk.plan = plan()
    with clock.at(AT):
        door = await serve(desk, Setting("gb26875", "消防远程监控", options=options), DEFAULT)
        transmitter = await sim.Transmitter.connect("127.0.0.1", door.port)
        try:
            yield transmitter
        finally:
            transmitter.close()
            await door.close()


def taken(desk: Desk) -> list[tuple[str, int, int]]:
    """(key, ms, scaled value) of what was offered."""
    return [(list(KEYS)[point], t, v) for _, point, t, v, _ in desk.taken]


def test_a_report_is_confirmed_with_its_serial_and_both_addresses_only_after_the_disk() -> None:
    async def story() -> None:
        desk = Desk(instant=False)
        async with centre(desk) as transmitter:
            transmitter.send(packet(STATE, serial=77))
            await until(lambda: desk.taken)
            with pytest.raises(TimeoutError):
                await transmitter.answer(0.1)
            desk.durable()
            told = await transmitter.answer()
            assert told is not None
            assert (told.command, told.serial, told.version, told.app) == (ACK, 77, b"\1\1", b"")
            assert (told.source, told.target) == (TARGET, SOURCE)
            assert moment(told.time) == int(AT.timestamp()) * 1000
            assert taken(desk) == [("s1.2-fire_alarm", T, 0), ("s1.2-fault", T, 10)]
    run(story)


def test_analog_values_come_in_their_unit_and_parts_by_their_address() -> None:
    async def story() -> None:
        desk = Desk()
        async with centre(desk) as transmitter:
            apps = [ANALOG, PART, "1501" + "05" + "040009020715", "1801" + "2001" + "040009020715",
                    "0401" + "01020401" + "040009020715"]
            for serial, app in enumerate(apps, 1):
                transmitter.send(packet(app, serial=serial))
            assert [one.serial for one in [await transmitter.answer() for _ in range(5)] if one] == [1, 2, 3, 4, 5]
            assert taken(desk) == [
                ("s1.2.p40.01020304-temperature", T, 800), ("s1.3.p0.d9000600-fire_alarm", T, 10),
                ("t-status", T, 50), ("t-op_post_answered", T, 10), ("s1.2-op_manual_alarm", T, 10)]
            assert desk.refused == []
    run(story)


def test_a_clock_never_set_gets_the_time_of_the_packet_and_without_either_it_is_refused() -> None:
    async def story() -> None:
        desk = Desk()
        async with centre(desk) as transmitter:
            never = STATE[:12] + "00" * 6
            transmitter.send(packet(never) + packet(never, serial=2, time="00" * 6))
            await transmitter.answer()
            await transmitter.answer()
            assert {t for _, t, _ in taken(desk)} == {int(AT.timestamp()) * 1000}
            assert desk.reasons() == ["bad_time"]
    run(story)


def test_unknown_transmitters_and_parts_are_counted_and_confirmed() -> None:
    async def story() -> None:
        desk = Desk()
        async with centre(desk) as transmitter:
            transmitter.send(packet(STATE, source="0000000000ff") + packet("010101090402040009020715", serial=2))
            transmitter.send(packet("0102010204020400090207150d", serial=3) + packet("01", serial=4))
            transmitter.send(packet("", serial=5) + packet("3d010101", serial=6) + packet("ff01", serial=7))
            assert [one.serial for one in [await transmitter.answer() for _ in range(7)] if one] == list(range(1, 8))
            assert desk.reasons() == ["unknown_device", "unknown_key", "bad_frame", "bad_frame"]
            assert desk.refused[1][2] == f"{SOURCE}/s1.9-status"
    run(story)


def test_broken_packets_are_counted_and_not_confirmed() -> None:
    async def story() -> None:
        desk = Desk()
        async with centre(desk) as transmitter:
            good = packet(STATE)
            transmitter.send(good[:-3] + b"\0##" + b"noise" * 3 + good[:20] + packet(STATE, serial=2) + good[:30]
                             + packet(STATE, serial=3))
            assert [one.serial for one in [await transmitter.answer() for _ in range(2)] if one] == [2, 3]
            assert desk.reasons() == ["checksum", "bad_frame"]
            transmitter.send(b"@" * (GARBAGE + 5000))
            assert await transmitter.answer() is None
            assert desk.reasons() == ["checksum", "bad_frame", "bad_frame", "bad_frame"]
    run(story)


def test_answers_of_the_device_are_taken_and_not_confirmed() -> None:
    async def story() -> None:
        desk = Desk()
        async with centre(desk) as transmitter:
            for command in (RESPONSE, ACK, REJECT, CONTROL):
                transmitter.send(packet(STATE if command == RESPONSE else "", command))
            transmitter.send(packet(STATE, serial=9))
            told = await transmitter.answer()
            assert told
            assert told.serial == 9
            assert len(desk.taken) == 4
            assert ("消防远程监控", "command_failed") in desk.events
            assert desk.reasons() == ["protocol"]
    run(story)


def test_a_full_intake_is_asked_again_and_nothing_is_lost() -> None:
    async def story() -> None:
        desk = Desk()
        async with centre(desk) as transmitter:
            desk.full = True
            for n in range(1, 51):
                transmitter.send(packet(STATE, serial=n))
            with pytest.raises(TimeoutError):
                await transmitter.answer(0.2)
            desk.full = False
            assert [one.serial for one in [await transmitter.answer() for _ in range(50)] if one] == list(range(1, 51))
    run(story)


def test_what_is_not_on_disk_is_limited_and_all_of_it_is_confirmed_in_order() -> None:
    count = 3 * line.MOST

    async def story() -> None:
        desk = Desk(instant=False)
        async with centre(desk) as transmitter:
            transmitter.send(b"".join(packet(STATE, serial=n) for n in range(count)))
            await until(lambda: len(desk.waiting) == line.MOST)
            heard = []
            while len(heard) < count:
                assert len(desk.waiting) <= line.MOST
                desk.durable()
                told = await transmitter.answer()
                assert told
                heard.append(told.serial)
            assert heard == list(range(count))
    run(story)


def test_the_clock_of_a_registered_transmitter_is_set_once_a_connection_where_that_is_wanted() -> None:
    async def story() -> None:
        desk = Desk()
        async with centre(desk, set_time=True) as transmitter:
            transmitter.send(packet(STATE, source="0000000000ff") + packet(STATE, serial=2) + packet(STATE, serial=3))
            told = [await transmitter.answer() for _ in range(4)]
            assert sorted(one.command for one in told if one) == [CONTROL, ACK, ACK, ACK]
            (setting,) = [one for one in told if one and one.command == CONTROL]
            assert (setting.target, setting.app.hex()) == (SOURCE, "5a01" + "081909020715")
    run(story)


def test_every_public_packet_with_a_right_sum_is_confirmed() -> None:
    every = [v for v in vectors() if v["kind"] == "frame"]

    async def story() -> None:
        desk = Desk()
        async with centre(desk) as transmitter:
            for one in every:
                transmitter.send(bytes.fromhex(one["hex"]))
            transmitter.send(packet(STATE, serial=999))
            serials = []
            while not serials or serials[-1] != 999:
                told = await transmitter.answer()
                assert told
                serials.append(told.serial)
            good = [v["decode"]["serial"] for v in every if v["decode"]["checksum_ok"] and v["decode"]["tail_ok"]]
            assert serials == [*good, 999]
            assert "internal" not in desk.reasons()
    run(story)


def test_the_simulator_tells_its_story_and_is_confirmed_throughout() -> None:
    async def story() -> None:
        desk = Desk()
        async with centre(desk) as transmitter:
            apps = [sim.part_state("d9000600", sim.FIRE_ALARM, AT, "走廊"), sim.analog("d9000600", 3, -684, AT),
                    sim.part_state("d9000600", sim.NORMAL, AT)]
            for serial, app in enumerate(apps):
                assert await transmitter.deliver(sim.packet(SOURCE, serial, app, AT), serial)
            assert [(key.rpartition("-")[2], v) for key, _, v in taken(desk)] == [
                ("fire_alarm", 10), ("temperature", -684), ("fire_alarm", 0)]
    run(story)


def test_options_that_are_not_understood_are_named() -> None:
    async def story() -> None:
        for options in ({"crc": "count"}, {"set_time": "now"}):
            with pytest.raises(BadInput, match="set_time"):
                await serve(Desk(), Setting("gb26875", "消防远程监控", options=options), DEFAULT)
    asyncio.run(story())


@given(strategies.binary(min_size=2, max_size=120), strategies.binary(min_size=6, max_size=6))
def test_any_application_data_is_read_into_rows_or_refusals(app: bytes, time: bytes) -> None:
    frame = Frame(1, b"\1\1", time, SOURCE, TARGET, SEND, app)
    for one in (app, bytes([app[0] % 30]) + app[1:]):
        found, refused = rows(frame, objects.read(one), set(KEYS))
        assert all(isinstance(row.t, int) and row.values for row in found)
        assert {reason for reason, _ in refused} <= {"bad_time", "bad_frame"}


def test_noise_between_good_packets_never_stops_a_connection() -> None:
    noise, good = random.Random(26875), packet(PART)

    async def story() -> None:
        desk = Desk()
        async with centre(desk) as transmitter:
            for _ in range(300):
                mutated = bytearray(good)
                for _ in range(noise.randrange(1, 6)):
                    mutated[noise.randrange(len(mutated))] = noise.randrange(256)
                transmitter.send(bytes(mutated[:noise.randrange(len(mutated) + 1)]) + packet(STATE, serial=7))
            transmitter.send(packet(STATE, serial=999))
            heard = []
            while not heard or heard[-1] != 999:
                told = await transmitter.answer()
                assert told
                heard.append(told.serial)
            assert heard.count(7) >= 300
            assert "internal" not in desk.reasons()
    run(story)
