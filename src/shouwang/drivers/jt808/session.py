"""One connection of a terminal: who it is, what it reports, and 0x8001 once that is on disk."""

import asyncio
import logging
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, cast

from shouwang.kernel import clock

from ..rows import Row
from ..take import excerpt, take_rows
from . import messages, packet, platform, readings
from .fields import moment
from .hall import Hall
from .packet import Bad, Found, Frame
from .parts import Parts, joined
from .readings import Report

log = logging.getLogger(__name__)
RETRY = 0.1  # seconds until a full intake is asked again
HEADER = 12  # bytes of a header of 2013
TERMINALS = 200  # [D] terminals on one connection, as behind a relay


class Due:
    """An answer owed. Answers leave in the order the messages came."""

    __slots__ = ("answer", "ready", "size")

    def __init__(self, size: int) -> None:
        self.size, self.ready, self.answer = size, False, b""


class Session(asyncio.Protocol):
    """The life of one connection. A fault in it ends it and nothing else."""

    def __init__(self, hall: Hall) -> None:
        self.hall, self.intake, self.limits = hall, hall.intake, hall.limits
        self.frames, self.parts = packet.Splitter(), Parts()
        self.waiting: deque[Found] = deque()
        self.due: deque[Due] = deque()
        self.undurable = self.serial = 0
        self.terminals: dict[str, Frame] = {}  # who authenticated here → its last frame
        self.asked: dict[tuple[str, int], asyncio.Future[int]] = {}  # (terminal, our serial) → its 0x0001
        self.address = ""
        self.heard = self.began = hall.loop.time()
        self.stuck = self.reading_stopped = self.writing_stopped = False

    # The socket.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A socket was accepted."""
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else "本机"
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.hall.sessions.add(self)
        if len(self.hall.sessions) > self.limits.connections:
            self.count("too_many_connections", self.address)
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone; what it reported and is not durable yet stays on its way."""
        self.hall.sessions.discard(self)
        self.hall.paused.discard(self)
        self.waiting.clear()
        self.stuck = False
        for terminal in list(self.terminals):
            self.hall.leave(self, terminal)
        for future in self.asked.values():
            future.cancel()

    def data_received(self, data: bytes) -> None:
        """Bytes came, split or joined as the network pleased."""
        self.heard = self.hall.loop.time()
        self.waiting.extend(self.frames.feed(data))
        self.work()

    def pause_writing(self) -> None:
        """The peer does not read our answers: do not read its messages either."""
        self.writing_stopped = True
        self.breathe()

    def resume_writing(self) -> None:
        """It reads again."""
        self.writing_stopped = False
        self.breathe()

    # Frames.

    def work(self) -> None:
        """Handle every frame that is complete; stop at one the intake has no room for."""
        try:
            while self.waiting and not self.stuck and not self.transport.is_closing():
                self._handle(self.waiting.popleft())
        except Exception:
            log.exception("处理 %s 的 JT/T 808 报文时出错,连接已关闭", self.address)
            self.count("internal", self.address)
            self.transport.close()
        self.breathe()

    def _handle(self, found: Found) -> None:
        if isinstance(found, Bad):
            head = found.excerpt[:HEADER].hex()  # never the body: it may hold a code
            self.count("bad_frame", f"{self.address}: {found.why}({found.size} 字节)← {head}")
        elif isinstance(found, Frame):
            self._frame(found)

    def _frame(self, frame: Frame) -> None:
        if frame.id not in (0x0100, 0x0102) and frame.terminal not in self.terminals:
            self.count("not_authenticated", f"{self.address}: {frame.terminal} 0x{frame.id:04x}")
            self._answer([frame], platform.FAILED)
            return
        if frame.encryption:
            self.count("bad_frame", f"{frame.terminal}: 消息 0x{frame.id:04x} 加密,不能解读")
            self._answer([frame], platform.UNSUPPORTED)
            return
        parts = [frame]
        if frame.attributes & packet.SUBPACKAGE and frame.id in self.ACTS:
            parts, why = self.parts.add(frame)
            if why:
                self.count("bad_frame", f"{frame.terminal}: {why}")
        if parts:
            self._message(joined(parts), parts)

    def _message(self, frame: Frame, parts: list[Frame]) -> None:
        if frame.terminal in self.terminals:
            self.terminals[frame.terminal] = frame._replace(body=b"")
        try:
            act = self.ACTS.get(frame.id)
            if act is None:
                self._answer(parts, platform.UNSUPPORTED)
            else:
                act(self, frame, parts)
        except (IndexError, struct.error) as short:
            self.count("bad_frame", f"{frame.terminal}: 消息 0x{frame.id:04x} 不能解读({short})← {frame.body.hex()}")
            self._answer(parts, platform.WRONG)

    # Who it is.

    def _register(self, frame: Frame, parts: list[Frame]) -> None:
        told = messages.register(frame.body, frame.version)
        result, code = self.hall.register.answer(frame.terminal, told["terminal_id"].strip(), told["plate"].strip())
        if result:
            self.count("bad_credentials", f"{self.address}: 注册 {frame.terminal} {told['plate']} 结果 {result}")
        self._owe_now(self._to(frame, 0x8100, platform.registered(frame.serial, result, code)))

    def _authenticate(self, frame: Frame, parts: list[Frame]) -> None:
        code, now = messages.auth(frame.body, frame.version)["auth"], self.hall.loop.time()
        logins, pair = self.hall.logins, f"{frame.terminal}\n{code}"
        if not logins.may(self.address, pair, now):
            self.count("login_limited", f"{self.address}: {frame.terminal}")
        elif self.hall.register.knows(frame.terminal, code) and len(self.terminals) < TERMINALS:
            logins.worked(self.address, pair)
            if frame.terminal not in self.terminals:
                self.terminals[frame.terminal] = frame
                self.hall.enter(self, frame.terminal)
            self._answer(parts, platform.OK)
            return
        else:
            logins.failed(self.address, now)
            self.count("bad_credentials", f"{self.address}: {frame.terminal} 鉴权码不对")
        self._answer(parts, platform.FAILED)

    def forget(self, terminal: str) -> None:
        """A terminal came by another connection; one without any terminal left is closed."""
        self.terminals.pop(terminal, None)
        if not self.terminals:
            self.transport.close()

    def _goodbye(self, frame: Frame, parts: list[Frame]) -> None:
        self._answer(parts, platform.OK)
        self.hall.leave(self, frame.terminal)
        self.terminals.pop(frame.terminal, None)

    def _heartbeat(self, frame: Frame, parts: list[Frame]) -> None:
        self._answer(parts, platform.OK)

    # What it reports.

    def _location(self, frame: Frame, parts: list[Frame]) -> None:
        self._offer(frame, parts, [readings.of(messages.position(frame.body))])

    def _asked_location(self, frame: Frame, parts: list[Frame]) -> None:
        self._offer(frame, parts, [readings.of(messages.asked_position(frame.body)["location"])])

    def _batch(self, frame: Frame, parts: list[Frame]) -> None:
        reports, faults = messages.batch_parts(frame.body)
        self._offer(frame, parts, [readings.of(one) for one in reports], faults)

    def _driver_card(self, frame: Frame, parts: list[Frame]) -> None:
        told = messages.driver_card(frame.body, frame.version)
        if told["status"] not in (1, 2):
            raise IndexError("驾驶员卡状态不是插入或拔出")
        values = {"driver_card": 1 if told["status"] == 1 else 0}
        self._offer(frame, parts, [Report(moment(told["time"]), values, {}, {}, [], [])])

    def _offer(self, frame: Frame, parts: list[Frame], reports: list[Report],
               faults: list[tuple[str, str]] | None = None) -> None:
        source, terminal = self.hall.source(), frame.terminal
        if source is None:
            self.count("unknown_source", self.hall.name)
            self._answer(parts, platform.FAILED)
            return
        known = dict(self.hall.known.get(terminal, {}))
        wanted = self.intake.source(source).addresses.get(terminal, {})
        rows = [readings.row(terminal, one, wanted, known) for one in reports if one.t is not None]
        refused = [*(faults or []), *(fault for one in reports for fault in one.faults)]
        refused += [("bad_time", f"{terminal}: 0x{frame.id:04x}") for one in reports if one.t is None]
        due = self._owe(len(frame.body))
        if self._take(source, [one for one in rows if one.values], refused, due, parts, bool(rows)):
            if wanted:
                self.hall.known[terminal] = known
                self._ask_attachments(frame, reports)
        else:
            self._disown(due)
            self._wait(frame, parts)

    def _take(self, source: int, rows: list[Row], refused: list[tuple[str, str]], due: Due, parts: list[Frame],
              readable: bool) -> bool:
        """Offer; False when the intake has no room. The answer waits for the disk."""
        answer = self._acks(parts, platform.OK if readable else platform.WRONG)
        return not take_rows(self.intake, source, rows, clock.now_ms(), self.limits,
                             lambda: self._durable(due, answer), refused).busy

    def _wait(self, frame: Frame, parts: list[Frame]) -> None:
        """The intake has no room: keep this message, read no further, ask again soon."""
        self.stuck = True
        self.hall.loop.call_later(RETRY, self._again, frame, parts)

    def _again(self, frame: Frame, parts: list[Frame]) -> None:
        if self.stuck:
            self.stuck = False
            self._message(frame, parts)
            self.work()

    def _ask_attachments(self, frame: Frame, reports: list[Report]) -> None:
        """Ask for the files of active-safety alarms (0x9208), once each."""
        if self.hall.attachments is None:
            return
        for one in reports:
            for found in one.alarms:
                about: dict[str, Any] = {"t": one.t, "key": found.key, "item": f"0x{found.item:02x}"}
                alarm = self.hall.expected.ask(frame.terminal, found.ident, about) if found.attachments else None
                if alarm is not None:
                    body = platform.send_attachments(*self.hall.attachments, found.ident, alarm.number)
                    self.transport.write(self._to(frame, 0x9208, body))

    # What it is told.

    def _acknowledged(self, frame: Frame, parts: list[Frame]) -> None:
        told = messages.ack(frame.body)
        future = self.asked.pop((frame.terminal, told["ack_serial"]), None)
        if future is not None and not future.done():
            future.set_result(told["result"])

    async def text(self, terminal: str, words: str, urgent: bool, within: float) -> int:
        """Send 0x8300 and wait for 0x0001: 0 ok, 1 failed, 2 wrong, 3 unsupported. TimeoutError without an answer."""
        last = self.terminals[terminal]
        wire = self._to(last, 0x8300, platform.text(words, urgent, last.version))
        key = (terminal, self.serial)
        future = self.asked[key] = self.hall.loop.create_future()
        try:
            self.transport.write(wire)
            return await asyncio.wait_for(future, within)
        finally:
            self.asked.pop(key, None)

    def _to(self, frame: Frame, message: int, body: bytes) -> bytes:
        """A frame for the terminal that sent this one, in its version."""
        self.serial = (self.serial + 1) & 0xFFFF
        return packet.write(message, frame.phone, self.serial, body, frame.version)

    def _acks(self, parts: list[Frame], result: int) -> bytes:
        return b"".join(self._to(one, 0x8001, platform.ack(one.serial, one.id, result)) for one in parts)

    def _answer(self, parts: list[Frame], result: int) -> None:
        self._owe_now(self._acks(parts, result))

    def _owe_now(self, answer: bytes) -> None:
        """An answer that waits for nothing but the answers before it."""
        self._durable(self._owe(0), answer)

    def _owe(self, size: int) -> Due:
        due = Due(size)
        self.due.append(due)
        self.undurable += size
        self.hall.undurable += size
        return due

    def _disown(self, due: Due) -> None:
        self.due.pop()
        self._lighten(due.size)

    def _lighten(self, size: int) -> None:
        self.undurable -= size
        self.hall.undurable -= size

    def _durable(self, due: Due, answer: bytes) -> None:
        """A message is on disk (or has nothing to be there): answer it when those before it are."""
        due.answer, due.ready = answer, True
        out = []
        while self.due and self.due[0].ready:
            first = self.due.popleft()
            self._lighten(first.size)
            out.append(first.answer)
        if out and not self.transport.is_closing():
            self.transport.write(b"".join(out))
        self.breathe()
        self.hall.relieve()

    # Pressure, silence, end.

    def breathe(self) -> None:
        """Read the socket or not, by what is undurable, what the peer leaves unread, what the intake has."""
        heavy = self.undurable > self.limits.undurable // (2 if self.reading_stopped else 1)
        stop = self.stuck or self.writing_stopped or heavy or self.hall.full()
        if stop == self.reading_stopped or self.transport.is_closing():
            return
        self.reading_stopped = stop
        if stop:
            self.transport.pause_reading()
            self.hall.paused.add(self)
        else:
            self.heard = self.hall.loop.time()  # its silence was ours
            self.hall.paused.discard(self)
            self.transport.resume_reading()

    def check_silence(self, now: float) -> None:
        """Close a connection without a terminal, or one silent for too long."""
        given = self.hall.given
        if not self.terminals and now - self.began > given.authenticate_within:
            self.count("not_authenticated", f"{self.address}: 未在 {given.authenticate_within:.0f} 秒内鉴权")
            self.transport.abort()
        elif not self.reading_stopped and now - self.heard > given.silence:
            self.count("keep_alive", f"{'、'.join(self.terminals) or self.address}: 静默 {now - self.heard:.0f} 秒")
            self.transport.close()

    def count(self, reason: str, what: str) -> None:
        """Count a refusal under the source's name."""
        self.intake.refuse(self.hall.name, reason, excerpt(what))

    ACTS: ClassVar[dict[int, Callable[["Session", Frame, list[Frame]], None]]] = {
        0x0001: _acknowledged, 0x0002: _heartbeat, 0x0003: _goodbye, 0x0100: _register, 0x0102: _authenticate,
        0x0200: _location, 0x0201: _asked_location, 0x0702: _driver_card, 0x0704: _batch, 0x0900: _heartbeat,
    }
