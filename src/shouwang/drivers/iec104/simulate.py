"""An outstation over a real socket: `python -m shouwang.drivers.iec104.simulate --port 2404`.

It answers STARTDT, TESTFR and both interrogations, tells changes spontaneously and keeps what was not acknowledged for
the next connection, as a station with an event buffer does.
"""

import argparse
import asyncio
import math
import sys
from datetime import datetime, timedelta, timezone

from . import asdu
from .asdu import Asdu
from .elements import Fields
from .link import Breach, Link, Timing
from .packet import Apdu, Splitter

COUNTER = 15  # integrated totals belong to the counter interrogation, everything else to the general one


def stamp(at: datetime) -> str:
    """A time as an element with CP56 writes it."""
    return at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03}"


class Outstation:
    """One station: its points, its listener, at most one connection that counts (the newest)."""

    def __init__(self, ca: int, points: list[tuple[int, Fields]], timing: Timing | None = None) -> None:
        self.ca, self.points, self.timing = ca, points, timing or Timing()
        self.link: Link | None = None
        self.writer: asyncio.StreamWriter | None = None
        self.mute = False  # reads and says nothing: a station that hangs
        self.connections = 0
        self.asked: list[Asdu] = []  # what the controlling station sent
        self.unsent: list[bytes] = []  # events while nobody listens
        self.port = 0

    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> "Outstation":
        """Open the listener."""
        self.server = await asyncio.start_server(self._serve, host, port)
        self.port = int(self.server.sockets[0].getsockname()[1])
        return self

    async def close(self) -> None:
        """Stop."""
        self.server.close()
        self.drop()
        await self.server.wait_closed()

    def drop(self) -> None:
        """The connection breaks."""
        if self.writer is not None:
            self.writer.transport.abort()

    def tell(self, number: int, *objects: Fields, cause: int = asdu.SPONTANEOUS, sq: int = 0, test: int = 0) -> None:
        """Say something now, or on the next connection."""
        unit = asdu.write(Asdu(number, cause, self.ca, list(objects), sq, test))
        if self.link is None:
            self.unsent.append(unit)
        else:
            self.link.send(unit, self._now())
            self.flush()

    def flush(self) -> None:
        """Hand the link's frames to the socket."""
        if self.link is not None and self.writer is not None:
            out, self.link.out = self.link.out, []
            if not self.mute:
                self.writer.writelines(out)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link, splitter = Link(self.timing, self._now()), Splitter()
        self.link, self.writer = link, writer
        self.connections += 1
        for unit in self.unsent:
            link.send(unit, self._now())
        self.unsent = []
        try:
            while data := await self._read(reader, link):
                for frame in splitter.feed(data):
                    if isinstance(frame, Apdu):
                        self._frame(link, frame)
                self.flush()
        except (Breach, OSError):
            pass
        self._left(link, writer)

    async def _read(self, reader: asyncio.StreamReader, link: Link) -> bytes:
        """The next octets; meanwhile the timers are kept."""
        while True:
            try:
                return await asyncio.wait_for(reader.read(65536), max(0.001, link.next_due() - self._now()))
            except TimeoutError:
                link.due(self._now())
                self.flush()

    def _left(self, link: Link, writer: asyncio.StreamWriter) -> None:
        writer.close()
        kept = [u for u in link.undelivered() if u[2] & 0x3F == asdu.SPONTANEOUS]  # the rest will be asked for again
        self.unsent = kept + self.unsent
        if self.link is link:
            self.link = self.writer = None

    def _frame(self, link: Link, frame: Apdu) -> None:
        ticket = link.receive(frame, self._now())
        if ticket is None:
            return
        link.settle(ticket, self._now())
        unit = asdu.read(frame.asdu)
        self.asked.append(unit)
        if unit.type in (asdu.INTERROGATION, asdu.COUNTERS) and unit.ca in (self.ca, asdu.GLOBAL):
            self._answer(link, unit)
        else:  # 44: the type is unknown here
            link.send(asdu.write(unit._replace(cause=44 if unit.ca == self.ca else 46, negative=1)), self._now())

    def _answer(self, link: Link, unit: Asdu) -> None:
        """Confirmation, the points, termination (60870-5-101 §7.4.5)."""
        counters = unit.type == asdu.COUNTERS
        cause = asdu.COUNTED if counters else asdu.INTERROGATED
        answer = [unit._replace(ca=self.ca, cause=asdu.CONFIRMED)]
        answer += [Asdu(number, cause, self.ca, [one]) for number, one in self.points
                   if (number == COUNTER) == counters]
        for one in [*answer, unit._replace(ca=self.ca, cause=asdu.TERMINATED)]:
            link.send(asdu.write(one), self._now())


def _points(count: int) -> list[tuple[int, Fields]]:
    reals: list[tuple[int, Fields]] = [(13, {"ioa": 11 + n, "value": 20.0 + n}) for n in range(count)]
    return [*reals, (1, {"ioa": 1, "value": 0}), (COUNTER, {"ioa": 2, "value": 0})]


async def _run(args: argparse.Namespace) -> None:
    station = await Outstation(args.ca, _points(args.points)).listen(args.host, args.port)
    sys.stdout.write(f"IEC 104 被控站 {args.ca} 在 {args.host}:{station.port}\n")
    sys.stdout.flush()
    zone, n = timezone(timedelta(hours=args.utc_offset)), 0
    while True:
        await asyncio.sleep(args.every)
        n += 1
        for number, one in station.points[:args.points]:
            one["value"] = 20.0 + 5 * math.sin((n + one["ioa"]) / 10)
            station.tell(36 if number == 13 else number, one | {"time": stamp(datetime.now(zone))})


def main() -> None:
    """Run until interrupted."""
    parser = argparse.ArgumentParser(description="IEC 104 被控站模拟器")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=2404)
    parser.add_argument("--ca", type=int, default=47, help="公共地址")
    parser.add_argument("--points", type=int, default=5, help="浮点测量值个数,信息体地址从 11 起")
    parser.add_argument("--every", type=float, default=1.0, help="每隔多少秒上送一次变化")
    parser.add_argument("--utc-offset", type=float, default=8.0)
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
