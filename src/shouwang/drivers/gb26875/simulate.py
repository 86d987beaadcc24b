"""A transmitter speaking GB/T 26875.3 over a real socket: `python -m shouwang.drivers.gb26875.simulate --port 9875`.

Reports a fire alarm and its end of one detector, with analog values between; waits for each confirmation and says a
packet again when none comes.
"""

import argparse
import asyncio
import sys
from datetime import datetime, timedelta

from shouwang.kernel import clock

from .packet import ACK, SEND, Frame, Frames, pack
from .readings import stamp

OVERTIME, TIMES = 10.0, 3  # seconds until said again, times said (§7.3) [M]
FIRE_ALARM, NORMAL = 0b11, 0b01
DETECTOR, SMOKE = 1, 40


def packet(source: str, serial: int, app: bytes, at: datetime, command: int = SEND, target: str = "0" * 12) -> bytes:
    """A packet of a transmitter."""
    return pack(Frame(serial, b"\1\1", stamp(at), source, target, command, app))


def part_state(addr: str, status: int, at: datetime, desc: str = "") -> bytes:
    """Type 2: the state of one smoke detector of fire alarm system 1."""
    head = bytes([2, 1, DETECTOR, 1, SMOKE]) + bytes.fromhex(addr) + status.to_bytes(2, "little")
    return head + desc.encode("gb18030")[:31].ljust(31, b"\0") + stamp(at)


def analog(addr: str, kind: int, steps: int, at: datetime) -> bytes:
    """Type 3: one analog value of that detector."""
    head = bytes([3, 1, DETECTOR, 1, SMOKE]) + bytes.fromhex(addr)
    return head + bytes([kind]) + steps.to_bytes(2, "little", signed=True) + stamp(at)


class Transmitter:
    """A connection of a transmitter; `heard` are packets of the centre that are no confirmations."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.frames, self.said = Frames(), list[Frame]()

    @classmethod
    async def connect(cls, host: str, port: int) -> "Transmitter":
        """Connect to a centre."""
        return cls(*await asyncio.open_connection(host, port))

    def send(self, raw: bytes) -> None:
        """Bytes as they are."""
        self.writer.write(raw)

    async def answer(self, seconds: float = OVERTIME) -> Frame | None:
        """The next packet of the centre; None when it hung up. TimeoutError when it says nothing."""
        while not self.said:
            chunk = await asyncio.wait_for(self.reader.read(65536), seconds)
            if not chunk:
                return None
            self.said += [one for one in self.frames.feed(chunk) if isinstance(one, Frame)]
        return self.said.pop(0)

    async def deliver(self, raw: bytes, serial: int, times: int = TIMES, seconds: float = OVERTIME) -> bool:
        """Say it until confirmed, at most `times` times."""
        for _ in range(times):
            self.send(raw)
            try:
                while (told := await self.answer(seconds)) is not None:
                    if (told.command, told.serial) == (ACK, serial):
                        return True
                return False
            except TimeoutError:
                continue
        return False

    def close(self) -> None:
        """Hang up."""
        self.writer.close()


async def play(args: argparse.Namespace) -> int:
    """Deliver normal, warming, alarm, normal; how many were confirmed."""
    now, addr = clock.now(), args.part
    at = [now - timedelta(seconds=args.every * (5 - n)) for n in range(6)]
    story = [part_state(addr, NORMAL, at[0], args.where), analog(addr, 3, 251, at[1]), analog(addr, 3, 684, at[2]),
             part_state(addr, FIRE_ALARM, at[3], args.where), analog(addr, 3, 300, at[4]),
             part_state(addr, NORMAL, at[5], args.where)]
    transmitter, confirmed = await Transmitter.connect(args.host, args.port), 0
    for serial, (app, when) in enumerate(zip(story, at, strict=True), 1):
        confirmed += await transmitter.deliver(packet(args.source, serial, app, when), serial)
    transmitter.close()
    return confirmed


def main() -> None:
    """Options and one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--source", default="0000000a0b0c", help="address of the transmitter, 12 hex digits")
    parser.add_argument("--part", default="d9000600", help="address of the detector in wire order, 8 hex digits")
    parser.add_argument("--where", default="A区1层走廊")
    parser.add_argument("--every", type=float, default=10, help="seconds between reports, in the device's time")
    sys.stdout.write(f"{asyncio.run(play(parser.parse_args()))} of 6 confirmed\n")


if __name__ == "__main__":
    main()
