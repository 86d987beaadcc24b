"""The client against a real server in this process."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shouwang.drivers.configured import Setting
from shouwang.drivers.limits import DEFAULT
from shouwang.drivers.opcua import serve
from shouwang.drivers.tests.desk import Desk, free_port, run, until
from shouwang.engines.telemetry import wal
from shouwang.engines.telemetry.intake import Ingest
from shouwang.engines.telemetry.plan import SourcePlan
from shouwang.engines.telemetry.quality import FAULT, GOOD, NO_DATA, UNCERTAIN
from shouwang.engines.telemetry.tests import cast
from shouwang.kernel.errors import BadInput

pytest.importorskip("asyncua", reason="没有 asyncua:pip install 'shouwang[opcua]' 后再试,OPC UA 未检验")
from asyncua import ua

from shouwang.drivers.opcua.simulate import URI, Tank

SOURCE = "甲厂网关"
NODES = {"T101": {"level": "ns=2;s=Tank.Level", "pressure": f"nsu={URI};s=Tank.Pressure"}}


def desk_of(**more: Any) -> Desk:
    """A desk whose source has level and pressure of T101."""
    desk = Desk(**more)
    old = desk.plan.sources[0]
    desk.plan.sources[0] = SourcePlan(old.name, old.kind, old.token_hash, {"T101": {"level": 0, "pressure": 1}})
    return desk


class Hosted(Tank):
    """The server on a loop of its own: it takes seconds to build, so all stories share it."""

    def __init__(self) -> None:
        super().__init__(free_port())
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def wait(self, work: Coroutine[Any, Any, None]) -> None:
        """Done over there."""
        asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    async def write(self, name: str, told: ua.DataValue) -> None:
        """As `say`, from a story's loop."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.say(name, told), self.loop))


@pytest.fixture(scope="module")
def shared() -> Iterator[Hosted]:
    hosted = Hosted()
    hosted.wait(hosted.start())
    yield hosted
    hosted.wait(hosted.stop())
    hosted.loop.call_soon_threadsafe(hosted.loop.stop)
    hosted.thread.join()
    hosted.loop.close()


@pytest.fixture
def server(shared: Hosted) -> Hosted:
    """The server with both values at 0 since a minute."""
    since = datetime.now(UTC) - timedelta(minutes=1)
    shared.wait(shared.say("Level", told(0.0, when=since)))
    shared.wait(shared.say("Pressure", told(0.0, when=since, kind=ua.VariantType.Float)))
    return shared


class Line:
    """A line to the server that can be cut and mended."""

    def __init__(self, far: int) -> None:
        self.far, self.port = far, free_port()
        self.ends: list[asyncio.StreamWriter] = []
        self.listening: asyncio.Server | None = None

    async def mend(self) -> None:
        self.listening = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def cut(self) -> None:
        assert self.listening is not None
        self.listening.close()
        for end in self.ends:
            end.transport.abort()
        self.ends.clear()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.far)
        self.ends += [writer, far_writer]
        await asyncio.gather(_pour(reader, far_writer), _pour(far_reader, writer))


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def following(desk: Any, url: str, source: str = SOURCE, nodes: Any = None) -> AsyncIterator[None]:
    """The running client."""
    options = {"url": url, "nodes": nodes or NODES, "interval": 50, "timeout": 2}
    running = await serve(desk, Setting("opcua", source, options=options), DEFAULT)
    try:
        yield
    finally:
        await running.close()


def told(value: Any, status: int = 0, when: datetime | None = None,
         kind: ua.VariantType = ua.VariantType.Double) -> ua.DataValue:
    """A value with its status and source time (now unless told)."""
    now = datetime.now(UTC)
    return ua.DataValue(ua.Variant(value, kind), ua.StatusCode(status), when or now, now)


def said(desk: Desk, point: int) -> list[tuple[int, int]]:
    """(scaled value, quality) of a point as taken."""
    return [(v, q) for _, p, _, v, q in desk.taken if p == point]


def test_values_come_with_their_source_time_and_quality(server: Hosted) -> None:
    async def story() -> None:
        desk = desk_of()
        async with following(desk, server.url):
            await until(lambda: said(desk, 0) == [(0, GOOD)] and said(desk, 1) == [(0, GOOD)])
            when = datetime.now(UTC) + timedelta(seconds=2)
            await server.write("Level", told(51.25, when=when))
            await until(lambda: said(desk, 0)[1:] == [(5125, GOOD)])
            assert desk.taken[-1][2] == int(when.timestamp() * 1000)
            for n, (value, status) in enumerate([(1.0, 0x40900000), (2.0, 0x808C0000), (3.0, 0x80310000)], 1):
                await server.write("Level", told(value, status, when + timedelta(seconds=n)))
                await until(lambda n=n: len(said(desk, 0)) == 2 + n)
            assert said(desk, 0)[2:] == [(100, UNCERTAIN), (0, FAULT), (0, NO_DATA)]
            await server.write("Pressure", told(0.1, kind=ua.VariantType.Float))
            await until(lambda: said(desk, 1)[1:] == [(1000, GOOD)])
        assert desk.events == [(SOURCE, "connected"), (SOURCE, "disconnected")]
    run(story)


def test_a_line_that_breaks_leaves_no_data_and_values_come_back_by_themselves(server: Hosted) -> None:
    async def story() -> None:
        desk, line = desk_of(), Line(server.port)
        await line.mend()
        async with following(desk, f"opc.tcp://127.0.0.1:{line.port}/tank"):
            await until(lambda: said(desk, 0) == [(0, GOOD)] and said(desk, 1) == [(0, GOOD)])
            await line.cut()
            await until(lambda: said(desk, 0)[-1] == (0, NO_DATA) and said(desk, 1)[-1] == (0, NO_DATA), 20)
            assert desk.events == [(SOURCE, "connected"), (SOURCE, "disconnected")]
            await server.write("Level", told(52.0, when=datetime.now(UTC) - timedelta(seconds=30)))
            await line.mend()
            await until(lambda: said(desk, 0)[-1] == (5200, GOOD) and said(desk, 1)[-1] == (0, GOOD), 30)
            for point in (0, 1):
                times = [t for _, p, t, _, _ in desk.taken if p == point]
                assert times == sorted(set(times)), "每个点位的时刻应递增,否则接入会当作迟到丢弃"
        await line.cut()
    run(story)


def test_a_server_that_is_not_there_leaves_no_data_once() -> None:
    async def story() -> None:
        desk = desk_of()
        async with following(desk, f"opc.tcp://127.0.0.1:{free_port()}/"):
            await until(lambda: len(desk.taken) == 2, 20)
            await asyncio.sleep(2.5)  # at least one more attempt
            assert [q for *_, q in desk.taken] == [NO_DATA, NO_DATA]
    run(story)


def test_a_node_that_does_not_exist_is_counted_and_the_others_are_heard(server: Hosted) -> None:
    async def story() -> None:
        desk = desk_of()
        nodes = {"T101": {"level": "ns=2;s=Tank.Level", "pressure": "ns=2;s=nowhere"}}
        async with following(desk, server.url, nodes=nodes):
            await until(lambda: said(desk, 0) == [(0, GOOD)])
            assert said(desk, 1) == [(0, NO_DATA)]
            assert [(reason, "BadNodeIdUnknown" in what) for _, reason, what, _ in desk.refused] == [
                ("unknown_key", True)]
    run(story)


def test_a_full_intake_holds_values_back_in_order(server: Hosted) -> None:
    async def story() -> None:
        desk = desk_of()
        async with following(desk, server.url):
            await until(lambda: len(desk.taken) == 2)
            desk.full = True
            base = datetime.now(UTC)
            for n in range(1, 6):
                await server.write("Level", told(float(n), when=base + timedelta(milliseconds=n)))
            await asyncio.sleep(0.3)
            assert len(desk.taken) == 2
            desk.full = False
            await until(lambda: said(desk, 0)[1:] == [(100 * n, GOOD) for n in range(1, 6)])
    run(story)


def test_over_the_real_intake_values_reach_the_log(server: Hosted, tmp_path: Path) -> None:
    async def story() -> None:
        cast.publish(tmp_path, cast.make_plan(1))
        ingest = Ingest(tmp_path, cast.Threshold())
        await ingest.start()
        await until(lambda: ingest.plan.version == 1)

        def logged() -> list[int]:
            return [v for s in wal.segments(tmp_path / "wal") for r in (wal.records(s) or (0, []))[1]
                    for v in r.v.tolist()]

        nodes = {"D0": {"v": "ns=2;s=Tank.Level"}}
        async with following(ingest, server.url, ingest.plan.sources[0].name, nodes):
            await until(lambda: logged() == [0])
            for n in range(1, 6):
                await server.write("Level", told(float(n)))
                await until(lambda n=n: logged()[-1] == 10 * n)
        await ingest.stop()
    run(story)


@pytest.mark.parametrize("options", [{}, {"url": "x"}, {"url": "x", "nodes": {"a": {"b": "rubbish"}}},
                                     {"url": "x", "nodes": {}, "extra": 1}])
def test_wrong_options_are_named(options: dict[str, Any]) -> None:
    async def story() -> None:
        with pytest.raises(BadInput, match=r"drivers\.yaml 中 opcua"):
            await serve(Desk(), Setting("opcua", SOURCE, options=options), DEFAULT)
    run(story)
