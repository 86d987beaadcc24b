"""A terminal: registers, authenticates, drives in a circle, raises active-safety alarms and brings their files.

    python -m shouwang.drivers.jt808.simulate --port 6808 --phone 13912344323 --count 10 --headway --file proof.jpg
"""

import argparse
import asyncio
import logging
import math
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shouwang.kernel import clock

from . import fields, messages, packet
from .packet import Frame, Splitter

log = logging.getLogger(__name__)
EVERY = 1.0  # seconds between reports
PATIENCE = 15.0  # seconds until a missing answer is an error
CHUNK = 65_536  # bytes of one piece of a file (T/JSATL12)


class Terminal:
    """One connection of a simulated terminal."""

    def __init__(self, phone: str, version: int | None = None) -> None:
        self.phone, self.version, self.serial = phone, version, 0
        self.heard: list[Frame] = []
        self._splitter = Splitter()

    async def connect(self, host: str, port: int) -> None:
        """Open the connection."""
        self._reader, self._writer = await asyncio.open_connection(host, port)

    def close(self) -> None:
        """Leave."""
        self._writer.close()

    def send(self, message: int, body: bytes = b"") -> int:
        """Send a message, in parts where it is long; the serial of its first frame."""
        first = self.serial + 1
        wires = packet.write_all(message, self.phone, first, body, self.version)
        self.serial += len(wires)
        self.send_raw(b"".join(wires))
        return first

    def send_raw(self, wire: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(wire)

    async def next(self, wanted: Callable[[Frame], bool] = lambda _: True) -> Frame:
        """The next frame that is wanted; others stay."""
        async def wait() -> Frame:
            while True:
                for i, frame in enumerate(self.heard):
                    if wanted(frame):
                        return self.heard.pop(i)
                if not (came := await self._reader.read(65536)):
                    raise ConnectionError("平台关闭了连接")
                self.heard += [one for one in self._splitter.feed(came) if isinstance(one, Frame)]
        return await asyncio.wait_for(wait(), PATIENCE)

    async def reply(self, message: int) -> dict[str, Any]:
        """The next message of an id, read."""
        frame = await self.next(lambda one: one.id == message)
        return messages.READERS[message](frame.body, frame.version)

    async def result(self, serial: int) -> int:
        """The result of the 0x8001 for a serial."""
        frame = await self.next(lambda one: one.id == 0x8001 and messages.ack(one.body)["ack_serial"] == serial)
        return int(messages.ack(frame.body)["result"])

    async def register(self, terminal_id: str = "SIM0001", plate: str = "苏A12345") -> dict[str, Any]:
        """0x0100; what 0x8100 says."""
        self.send(0x0100, registration(terminal_id, plate, self.version))
        return await self.reply(0x8100)

    async def authenticate(self, code: str) -> int:
        """0x0102; the result."""
        raw = code.encode("gbk")
        late = bytes([len(raw)]) + raw + b"123456789012345".ljust(15, b"\0") + b"sim 1.0".ljust(20, b"\0")
        return await self.result(self.send(0x0102, raw if self.version is None else late))


def registration(terminal_id: str, plate: str, version: int | None) -> bytes:
    """A body of 0x0100 in the layout of 2013 or 2019: Jiangsu, Nanjing."""
    sizes = (5, 20, 7) if version is None else (11, 30, 30)
    words = (b"SHOUW", b"simulator", terminal_id.encode("gbk"))
    fixed = b"".join(one[:size].ljust(size, b"\0") for one, size in zip(words, sizes, strict=True))
    return (32).to_bytes(2, "big") + (100).to_bytes(2, "big") + fixed + b"\x02" + plate.encode("gbk")


def location(t_ms: int, lat: int = 31_990_000, lon: int = 118_780_000, speed: int = 600, alarm: int = 0,
             status: int = 3, extras: bytes = b"") -> bytes:
    """A body of 0x0200: millionths of a degree, tenths of km/h."""
    numbers = b"".join(n.to_bytes(4, "big") for n in (alarm, status, lat, lon))
    return numbers + b"".join(n.to_bytes(2, "big") for n in (30, speed, 90)) + fields.bcd(t_ms) + extras


def item(id: int, content: bytes) -> bytes:
    """An additional item."""
    return bytes([id, len(content)]) + content


def safety(t_ms: int, item_id: int = 0x64, kind: int = 3, flag: int = 0, seq: int = 1, files: int = 0) -> bytes:
    """An item of active safety in 苏标: 0x64 or 0x65, level 2."""
    ident = b"SIM0001" + fields.bcd(t_ms) + bytes([seq, files, 0])
    head = secrets.token_bytes(4) + bytes([flag, kind, 2])
    own = bytes([60, 8, 0, 0, 0]) if item_id == 0x64 else bytes(5)
    place = bytes([60]) + (30).to_bytes(2, "big") + (31_990_000).to_bytes(4, "big") + (118_780_000).to_bytes(4, "big")
    return item(item_id, head + own + place + fields.bcd(t_ms) + b"\x00\x03" + ident)


def listing(ident: bytes, number: str, files: dict[str, bytes]) -> bytes:
    """A body of 0x1210 in 苏标."""
    named = [(name.encode("gbk"), len(content)) for name, content in files.items()]
    return ident[:7] + ident + number.encode().ljust(32, b"\0") + bytes([0, len(files)]) \
        + b"".join(bytes([len(name)]) + name + size.to_bytes(4, "big") for name, size in named)


async def bring(asked: Frame, files: dict[str, bytes]) -> None:
    """Bring the files 0x9208 asks for, and again what 0x9212 says is missing."""
    told = messages.send_attachments(asked.body)
    own = Terminal(asked.phone, asked.version)
    await own.connect(told["host"], told["tcp_port"])
    at = 1 + asked.body[0] + 4
    await own.result(own.send(0x1210, listing(asked.body[at:at + 16], told["alarm_number"], files)))
    for name, content in files.items():
        raw = name.encode("gbk")
        body = bytes([len(raw)]) + raw + b"\x00" + len(content).to_bytes(4, "big")
        await own.result(own.send(0x1211, body))
        again: list[dict[str, int]] = [{"offset": 0, "length": len(content)}]
        while again:
            for one in again:
                end = one["offset"] + one["length"]
                for start in range(one["offset"], end, CHUNK):
                    own.send_raw(packet.write_piece(name, start, content[start:min(start + CHUNK, end)]))
            own.send(0x1212, body)
            again = (await own.reply(0x9212))["again"]
    own.close()


async def drive(args: argparse.Namespace) -> None:
    """Register, authenticate, report `count` times, bring the file."""
    terminal = Terminal(args.phone, 1 if args.version == 2019 else None)
    await terminal.connect(args.host, args.port)
    code = args.code or (await terminal.register())["auth"]
    if await terminal.authenticate(code):
        raise SystemExit(f"平台不认终端 {args.phone} 的鉴权码;请登记到 drivers.yaml 的 terminals")
    files = {args.file.name: args.file.read_bytes()} if args.file else {}
    for n in range(args.count):
        now, angle = clock.now_ms(), n / 50
        extras = safety(now, seq=n % 256, files=len(files)) if args.headway and n % 5 == 0 else b""
        place = location(now, 31_990_000 + round(9000 * math.sin(angle)), 118_780_000 + round(9000 * math.cos(angle)),
                         600 + n % 50, extras=item(1, (120_000 + n).to_bytes(4, "big")) + extras)
        log.info("第 %d 条位置:应答 %d", n + 1, await terminal.result(terminal.send(0x0200, place)))
        if extras and files:
            await bring(await terminal.next(lambda one: one.id == 0x9208), files)
            log.info("附件已收齐")
        await asyncio.sleep(args.every)
    terminal.close()


def main() -> None:
    """The command line."""
    words = argparse.ArgumentParser(description="模拟一台 JT/T 808 车载终端")
    words.add_argument("--host", default="127.0.0.1")
    words.add_argument("--port", type=int, required=True)
    words.add_argument("--phone", default="13912344323", help="终端手机号")
    words.add_argument("--code", help="鉴权码;不写则先注册取得")
    words.add_argument("--version", type=int, choices=(2013, 2019), default=2013, help="协议年份")
    words.add_argument("--count", type=int, default=10, help="上报几次")
    words.add_argument("--every", type=float, default=EVERY, help="间隔秒数")
    words.add_argument("--headway", action="store_true", help="每五次报一次车距过近")
    words.add_argument("--file", type=Path, help="作为报警附件上传的文件")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    asyncio.run(drive(words.parse_args()))


if __name__ == "__main__":
    main()
