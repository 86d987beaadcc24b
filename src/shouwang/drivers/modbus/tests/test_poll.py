"""The client against pymodbus's server over a real socket, and against a bare socket that misbehaves."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from pymodbus.constants import ExcCodes

from shouwang.drivers.configured import Setting
from shouwang.drivers.limits import DEFAULT
from shouwang.drivers.modbus import serve
from shouwang.drivers.modbus.simulate import Device, Server
from shouwang.drivers.tests.desk import Desk, run, until
from shouwang.engines.telemetry.plan import POINT, Plan, PointUnits, SourcePlan
from shouwang.engines.telemetry.quality import GOOD, NO_DATA
from shouwang.kernel.errors import BadInput

SOURCE = "甲厂锅炉"
LEVEL, PRESSURE, VALVE, FAR = range(4)
REGISTERS = [{"key": "level", "address": 0, "type": "float32"},
             {"key": "pressure", "address": 2, "type": "int16", "scale": "0.1"},
             {"key": "valve", "address": 3, "table": "coil"}]


def plan(version: int = 1, registered: bool = True) -> Plan:
    points = np.zeros(4, POINT)
    points["id"], points["digits"] = [1, 2, 3, 4], [2, 1, 0, 0]
    source = SourcePlan(SOURCE, "gateway", hashlib.sha256(b"x").hexdigest(),
                        {"锅炉": {"level": LEVEL, "pressure": PRESSURE, "valve": VALVE}, "2": {"far": FAR}})
    return Plan(version, points, [PointUnits("", {})] * 4, [source] if registered else [])


@asynccontextmanager
async def following(desk: Desk, port: int, **options: Any) -> AsyncIterator[None]:
    desk.plan = plan()
    given = {"host": "127.0.0.1", "port": port, "every": 0.02, "timeout": 0.3, "retries": 0,
             "devices": [{"unit": 1, "device": "锅炉", "registers": REGISTERS}], **options}
    client = await serve(desk, Setting("modbus", SOURCE, options=given), DEFAULT)
    try:
        yield
    finally:
        await client.close()


@asynccontextmanager
async def story(desk: Desk, framing: str = "tcp", **options: Any) -> AsyncIterator[tuple[Server, Device]]:
    """甲厂's boiler with a client polling it."""
    boiler = Device(1)
    boiler.set(0, "f", 1.05)
    boiler.set(2, "h", -25)
    boiler.coils[3] = True
    far = Device(2)
    far.set(0, "H", 7)
    server = await Server(boiler, far, framing=framing).listen()
    async with following(desk, server.port, framing=framing, **options):
        yield server, boiler
    await server.close()


def latest(desk: Desk) -> dict[int, tuple[int, int]]:
    return {point: (v, q) for _, point, _, v, q in desk.taken}


TRUE = {LEVEL: (105, GOOD), PRESSURE: (-25, GOOD), VALVE: (1, GOOD)}
NOTHING = dict.fromkeys(TRUE, (0, NO_DATA))


@pytest.mark.parametrize("framing", ["tcp", "rtu", "ascii"])
def test_what_is_declared_is_read_again_and_again(framing: str) -> None:
    async def told() -> None:
        desk = Desk()
        async with story(desk, framing) as (_, boiler):
            await until(lambda: latest(desk) == TRUE)
            boiler.set(0, "f", 99.5)
            await until(lambda: latest(desk)[LEVEL] == (9950, GOOD))
            assert desk.refused == []
            assert desk.events == [(SOURCE, "connected")]
    run(told)


def test_an_exception_is_no_data_once_and_counted_each_time() -> None:
    async def told() -> None:
        desk = Desk()
        async with story(desk) as (_, boiler):
            await until(lambda: latest(desk) == TRUE)
            boiler.exception = ExcCodes.DEVICE_FAILURE
            await until(lambda: desk.reasons().count("exception") >= 6)
            assert latest(desk) == NOTHING
            assert sum(q == NO_DATA for *_, q in desk.taken) == 3
            assert set(desk.reasons()) == {"exception"}
            boiler.exception = None
            await until(lambda: latest(desk) == TRUE)
    run(told)


def test_one_address_that_is_not_there_does_not_hide_its_neighbours() -> None:
    async def told() -> None:
        desk = Desk()
        async with story(desk) as (_, boiler):
            boiler.hidden = {2}
            await until(lambda: latest(desk) == TRUE | {PRESSURE: (0, NO_DATA)})
            boiler.hidden = set()
            await until(lambda: latest(desk) == TRUE)
    run(told)


@pytest.mark.parametrize("framing", ["tcp", "rtu"])
def test_a_unit_that_is_silent_costs_itself_only(framing: str) -> None:
    async def told() -> None:
        desk = Desk()
        devices = [{"unit": 2, "registers": [{"key": "far", "address": 0}]},
                   {"unit": 1, "device": "锅炉", "registers": REGISTERS}]
        async with story(desk, framing, devices=devices) as (server, boiler):
            await until(lambda: latest(desk) == TRUE | {FAR: (7, GOOD)})
            server.silent = {2}
            boiler.set(0, "f", 2.0)
            await until(lambda: latest(desk) == TRUE | {FAR: (0, NO_DATA), LEVEL: (200, GOOD)})
            assert set(desk.reasons()) == {"no_answer"}
            server.silent = set()
            await until(lambda: latest(desk)[FAR] == (7, GOOD))
            assert desk.events == [(SOURCE, "connected")]
    run(told)


def test_a_server_that_hangs_then_goes_then_comes_back() -> None:
    async def told() -> None:
        desk = Desk()
        async with story(desk) as (server, boiler):
            await until(lambda: latest(desk) == TRUE)
            server.mute = True
            await until(lambda: latest(desk) == NOTHING)
            server.mute = False
            await until(lambda: latest(desk) == TRUE)
            await server.close()
            await until(lambda: latest(desk) == NOTHING)
            await until(lambda: desk.events[-1] == (SOURCE, "disconnected"))
            again = await Server(boiler, port=server.port).listen()
            await until(lambda: latest(desk) == TRUE and desk.events[-1] == (SOURCE, "connected"))
            await again.close()
    run(told)


def test_a_full_intake_or_a_slow_disk_stops_the_asking() -> None:
    async def told() -> None:
        desk = Desk(instant=False)
        async with story(desk) as (server, _):
            await until(lambda: len(desk.taken) == 3)
            asked = server.requests
            await asyncio.sleep(0.1)  # five periods: nothing is asked while nothing is on disk
            assert server.requests == asked
            desk.full = True
            desk.durable()
            await until(lambda: server.requests > asked)
            assert len(desk.taken) == 3
            desk.full, desk.instant = False, True
            await until(lambda: len(desk.taken) >= 9)
            assert desk.refused == []
    run(told)


def test_a_source_not_registered_is_not_asked_for() -> None:
    async def told() -> None:
        desk = Desk()
        async with story(desk) as (server, _):
            await until(lambda: latest(desk) == TRUE)
            desk.plan = plan(2, registered=False)
            desk.taken.clear()
            await asyncio.sleep(0.05)
            asked = server.requests
            desk.plan = plan(3)
            await until(lambda: server.requests > asked and latest(desk) == TRUE)
    run(told)


ANSWERS = {(3, 0): bytes.fromhex("0304008d008e"), (3, 2): bytes.fromhex("0302ffe7"), (1, 3): bytes.fromhex("010101")}
APART = [{"key": "level", "address": 0, "type": "uint32"}, {"key": "pressure", "address": 2, "type": "int16"},
         {"key": "valve", "address": 3, "table": "coil"}]


class Bare:
    """A server of a few lines: answers what it is told to, as it is told to."""

    def __init__(self, drip: bool = False, spoil: bytes | None = None) -> None:
        self.drip, self.spoil = drip, spoil

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readexactly(6)
                asked = await reader.readexactly(head[5])
                pdu = self.spoil if self.spoil is not None else self._true(asked)
                answer = head[:5] + bytes([1 + len(pdu)]) + asked[:1] + pdu
                for piece in ([bytes([octet]) for octet in answer] if self.drip else [answer]):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    def _true(self, asked: bytes) -> bytes:
        if asked[5] == 3 and asked[1] == 3:  # level and pressure together
            return bytes.fromhex("0306008d008effe7")
        return ANSWERS[asked[1], int.from_bytes(asked[2:4], "big")]


@asynccontextmanager
async def bare(desk: Desk, server: Bare) -> AsyncIterator[None]:
    listener = await asyncio.start_server(server, "127.0.0.1", 0)
    devices = [{"unit": 1, "device": "锅炉", "registers": APART}]
    async with following(desk, listener.sockets[0].getsockname()[1], devices=devices):
        yield
    listener.close()


def test_an_answer_split_at_every_octet_is_the_same() -> None:
    async def told() -> None:
        desk = Desk()
        async with bare(desk, Bare(drip=True)):
            await until(lambda: latest(desk) == {LEVEL: (100 * (141 << 16 | 142), GOOD), PRESSURE: (-250, GOOD),
                                                 VALVE: (1, GOOD)})
            assert desk.refused == []
    run(told)


@pytest.mark.parametrize("spoil", ["0302ffe7", "0308008d008effe70000", "0406008d008effe7", "0307008d008effe7", "03",
                                   "0306", "630000"])
def test_an_answer_to_another_question_is_none(spoil: str) -> None:
    async def told() -> None:
        desk, server = Desk(), Bare(spoil=bytes.fromhex(spoil))
        async with bare(desk, server):
            await until(lambda: desk.reasons().count("no_answer") >= 2)
            assert latest(desk) == NOTHING
            server.spoil = None
            await until(lambda: latest(desk)[PRESSURE] == (-250, GOOD))
    run(told)


@pytest.mark.parametrize("options", [
    {}, {"host": "x", "devices": [{"unit": 1, "registers": []}]}, {"host": "x", "devices": [], "every": 0},
    {"host": "x", "devices": [{"unit": 256, "registers": REGISTERS}]},
    {"host": "x", "devices": [{"unit": 1, "registers": [*REGISTERS, REGISTERS[0]]}]},
    {"host": "x", "devices": [{"unit": 1, "registers": [{"key": "a", "address": 65535, "type": "int32"}]}]},
    {"host": "x", "devices": [{"unit": 1, "registers": [{"key": "a", "address": 0, "bit": 16}]}]},
    {"host": "x", "devices": [{"unit": 1, "registers": [{"key": "a", "address": 0, "scale": "ten"}]}]},
    {"host": "x", "devices": [{"unit": 1, "registers": REGISTERS}, {"unit": 1, "registers": REGISTERS}]},
])
def test_wrong_options_are_named(options: dict[str, Any]) -> None:
    async def told() -> None:
        with pytest.raises(BadInput, match=SOURCE):
            await serve(Desk(), Setting("modbus", SOURCE, options=options), DEFAULT)
    run(told)
