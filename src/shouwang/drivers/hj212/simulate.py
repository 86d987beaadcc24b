"""A collector speaking HJ 212 over a real socket: `python -m shouwang.drivers.hj212.simulate --port 9212`.

Sends real-time data (2011) of one MN, waits for each 9014 and says a report again when none comes, as §9.2 has it.
"""

import argparse
import asyncio
import random
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta

from shouwang.kernel import clock

from .commands import OVERTIME, TIMES, stamp
from .packet import Frame, Frames, Segment, frame, read


def report(mn: str, at: datetime, factors: Iterable[str], password: str = "123456", cn: str = "2011",
           seed: int = 0) -> bytes:
    """One report of every factor at `at`, an answer wanted."""
    figures = random.Random(f"{seed} {at.timestamp()}")
    told = ";".join(f"{factor}-Rtd={figures.uniform(5, 30):.1f},{factor}-Flag=N" for factor in factors)
    return frame(f"QN={stamp(at)};ST=31;CN={cn};PW={password};MN={mn};Flag=5;"
                 f"CP=&&DataTime={stamp(at)[:14]};{told}&&")


class Collector:
    """A connection of a collector; `answers` are the segments the platform sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.frames, self.answers = Frames(), list[Segment]()

    @classmethod
    async def connect(cls, host: str, port: int) -> "Collector":
        """Connect to a platform."""
        return cls(*await asyncio.open_connection(host, port))

    def send(self, raw: bytes) -> None:
        """Bytes as they are."""
        self.writer.write(raw)

    async def answer(self, seconds: float = OVERTIME) -> Segment | None:
        """The next frame of the platform; None when it hung up. TimeoutError when it says nothing."""
        while not self.answers:
            chunk = await asyncio.wait_for(self.reader.read(65536), seconds)
            if not chunk:
                return None
            self.answers += [read(one.segment) for one in self.frames.feed(chunk) if isinstance(one, Frame)]
        return self.answers.pop(0)

    async def deliver(self, raw: bytes, times: int = TIMES, seconds: float = OVERTIME) -> Segment | None:
        """Send until answered, at most `times` times."""
        for _ in range(times):
            self.send(raw)
            try:
                return await self.answer(seconds)
            except TimeoutError:
                continue
        return None

    def close(self) -> None:
        """Hang up."""
        self.writer.close()


async def play(args: argparse.Namespace) -> int:
    """Deliver the reports; how many were answered."""
    collector, answered = await Collector.connect(args.host, args.port), 0
    start = clock.now() - timedelta(seconds=args.every * (args.count - 1))
    for n in range(args.count):
        at = start + timedelta(seconds=args.every * n)
        answered += await collector.deliver(report(args.mn, at, args.factor, args.password)) is not None
    collector.close()
    return answered


def main() -> None:
    """Options and one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mn", default="010000A8900016F000169DC0")
    parser.add_argument("--password", default="123456")
    parser.add_argument("--factor", nargs="+", default=["a21026", "a21002"])
    parser.add_argument("--count", type=int, default=10, help="reports, the last one now")
    parser.add_argument("--every", type=float, default=30, help="seconds between them, in the devices' time")
    args = parser.parse_args()
    sys.stdout.write(f"{asyncio.run(play(args))} of {args.count} answered\n")


if __name__ == "__main__":
    main()
