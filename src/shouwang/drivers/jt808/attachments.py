"""The port terminals bring the files of an active-safety alarm to (T/JSATL12-2017 §6): listed, brought, checked.

Only files of alarms we asked for are taken. They are at `folder/<terminal>/<number of the alarm>/`, under their last
name once complete and on disk, with `alarm.json` beside them.
"""

import asyncio
import json
import logging
import os
import re
import struct
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar, cast

from ..take import excerpt
from . import messages, packet, platform
from .expected import Alarm
from .hall import Hall
from .packet import Bad, Frame, Piece
from .upload import Upload

log = logging.getLogger(__name__)
WHOLE = 268_435_456  # [D] bytes of all files of one alarm
FILES = 64  # [D] files of one alarm
CARRIERS = 1000  # [D] attachment connections at a time
SILENCE = 60.0  # [D] seconds without a byte until a connection is closed


class Carrier(asyncio.Protocol):
    """One attachment connection."""

    def __init__(self, hall: Hall, folder: Path) -> None:
        self.hall, self.folder = hall, folder
        self.frames = packet.Splitter(pieces=True)
        self.alarm: Alarm | None = None
        self.serial = 0
        self.address = ""
        self.silent: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A socket was accepted."""
        self.transport = cast(asyncio.Transport, transport)
        self.address = str((transport.get_extra_info("peername") or ["本机"])[0])
        self.hall.carriers.add(self.transport)
        self._wait()
        if len(self.hall.carriers) > CARRIERS:
            self.hall.intake.refuse(self.hall.name, "too_many_connections", self.address)
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone; what came of the files stays for another try."""
        self.hall.carriers.discard(self.transport)
        if self.silent:
            self.silent.cancel()

    def data_received(self, data: bytes) -> None:
        """Frames and pieces of files, mixed."""
        self._wait()
        try:
            for found in self.frames.feed(data):
                if not self.transport.is_closing():
                    self._handle(found)
        except OSError as broken:
            log.error("报警附件不能写入 %s: %s", self.folder, broken)
            self.refuse(f"不能写入: {broken}")
            self.transport.close()
        except Exception:
            log.exception("处理 %s 的报警附件时出错,连接已关闭", self.address)
            self.hall.intake.refuse(self.hall.name, "internal", self.address)
            self.transport.close()

    def _wait(self) -> None:
        if self.silent:
            self.silent.cancel()
        self.silent = self.hall.loop.call_later(SILENCE, self.transport.close)

    def _handle(self, found: packet.Found) -> None:
        if isinstance(found, Frame):
            self._frame(found)
        elif self.alarm is None or self.alarm.upload is None:
            self.refuse(found.why if isinstance(found, Bad) else f"文件 {found.name} 未先报附件清单")
            if isinstance(found, Piece):
                self.transport.close()
        elif why := self.alarm.upload.take(found):
            self.refuse(why)

    def _frame(self, frame: Frame) -> None:
        try:
            act = self.ACTS.get(frame.id)
            if act is None:
                self._ack(frame, platform.UNSUPPORTED)
            else:
                act(self, frame)
        except (IndexError, struct.error) as short:
            self.refuse(f"{frame.terminal}: 消息 0x{frame.id:04x} 不能解读({short})")
            self._ack(frame, platform.WRONG)

    def _list(self, frame: Frame) -> None:
        told = messages.attachment_list(frame.body)
        alarm, files = self.hall.expected.find(told["alarm_number"]), told["files"]
        if alarm is None or alarm.terminal != frame.terminal:
            self.refuse(f"{frame.terminal}: 报警编号 {told['alarm_number']} 不是本平台要的")
            self._ack(frame, platform.FAILED)
            self.transport.close()
            return
        self.alarm = alarm
        home = self._home(alarm)
        home.mkdir(parents=True, exist_ok=True)
        (home / "alarm.json").write_text(json.dumps({"terminal": alarm.terminal, **alarm.about, "files": files},
                                                    ensure_ascii=False), "utf-8")
        alarm.upload = alarm.upload or Upload(lambda name, at, content: _write(home / _part(name), at, content))
        fits = len(files) <= FILES and sum(one["size"] for one in files) <= WHOLE
        taken = fits and all(alarm.upload.announce(one["name"], one["size"]) for one in files)
        if not taken:
            self.refuse(f"{frame.terminal}: 附件过多或过大")
        self._ack(frame, platform.OK if taken else platform.FAILED)

    def _begin(self, frame: Frame) -> None:
        told = messages.file(frame.body)
        known = self.alarm is not None and self.alarm.upload is not None and told["name"] in self.alarm.upload.files
        if not known:
            self.refuse(f"{frame.terminal}: 文件 {told['name']} 不在附件清单中")
        self._ack(frame, platform.OK if known else platform.FAILED)

    def _end(self, frame: Frame) -> None:
        told = messages.file(frame.body)
        file = self.alarm.upload.files.get(told["name"]) if self.alarm and self.alarm.upload else None
        if file is None or self.alarm is None:
            self.refuse(f"{frame.terminal}: 文件 {told['name']} 不在附件清单中")
            self._ack(frame, platform.FAILED)
        elif missing := file.missing():
            self._send(frame, 0x9212, platform.file_done(told["name"], told["type"], missing))
        else:
            self._finish(frame, told["name"], told["type"], self.alarm)

    def _finish(self, frame: Frame, name: str, kind: int, alarm: Alarm) -> None:
        """Complete: to the disk first, then the answer."""
        if name in alarm.done:
            self._send(frame, 0x9212, platform.file_done(name, kind, []))
            return
        home = self._home(alarm)

        def answer(written: asyncio.Future[None]) -> None:
            broken = written.exception()
            if broken is None:
                alarm.done.add(name)
                self._send(frame, 0x9212, platform.file_done(name, kind, []))
            else:
                self.refuse(f"文件 {name} 不能写入: {broken}")
                self.transport.close()

        settled = self.hall.loop.run_in_executor(None, _settle, home / _part(name), home / _safe(name))
        settled.add_done_callback(answer)

    def _home(self, alarm: Alarm) -> Path:
        return self.folder / alarm.terminal / alarm.number

    def _ack(self, frame: Frame, result: int) -> None:
        self._send(frame, 0x8001, platform.ack(frame.serial, frame.id, result))

    def _send(self, frame: Frame, message: int, body: bytes) -> None:
        if not self.transport.is_closing():
            self.serial = (self.serial + 1) & 0xFFFF
            self.transport.write(packet.write(message, frame.phone, self.serial, body, frame.version))

    def refuse(self, why: str) -> None:
        """Count what could not be taken."""
        self.hall.intake.refuse(self.hall.name, "attachment", excerpt(f"{self.address}: {why}"))

    ACTS: ClassVar[dict[int, Callable[["Carrier", Frame], None]]] = {0x1210: _list, 0x1211: _begin, 0x1212: _end}


def _safe(name: str) -> str:
    """A file name that leads nowhere else; one that had to be changed stays apart from all others."""
    tame = re.sub(r"[^\w.\-]", "_", name).lstrip(".")[:60]
    return tame if tame == name else f"{blake2b(name.encode(), digest_size=4).hexdigest()}-{tame}"


def _part(name: str) -> str:
    return f".{_safe(name)}.part"


def _write(path: Path, at: int, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o640)
    try:
        os.pwrite(handle, content, at)
    finally:
        os.close(handle)


def _settle(part: Path, name: Path) -> None:
    """On disk, under its last name; an empty file had no piece."""
    handle = os.open(part, os.O_WRONLY | os.O_CREAT, 0o640)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    part.rename(name)
    folder = os.open(name.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
