"""A watched folder: files are read once a second, and moved away only when what they brought is on disk."""

import asyncio
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from shouwang.engines.telemetry.seam import Intake
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput

from .configured import Setting, find
from .limits import Limits
from .rows import Row
from .take import take_rows

log = logging.getLogger(__name__)
SCAN = 1.0  # [D] seconds between looks into the folder
RETRY = 0.1  # seconds until a full intake is asked again
MAX_FILE = 20_971_520  # [D] bytes; the largest real file known is a staff list of 120 KB
DONE, REFUSED = "done", "refused"
Addresses = dict[str, dict[str, int]]  # device → key → point, as the plan has it


def _nothing() -> None:
    """For a file after which nothing is to be remembered."""


class Batch(NamedTuple):
    """What one file comes to: readings, what was refused of it (reason, excerpt), where it goes, what follows."""

    rows: list[Row]
    refused: list[tuple[str, str]] = []
    keep: str = DONE
    durable: Callable[[], None] = _nothing


def refusal(reason: str, why: str) -> Batch:
    """A file of which nothing is taken."""
    return Batch([], [(reason, why)], REFUSED)


class Reader(Protocol):
    """What a protocol knows of its files. Called in a thread, one file at a time."""

    def order(self, name: str) -> tuple[str, ...]:
        """Files are taken in this order."""

    def read(self, name: str, raw: bytes, age: float, now: int, addresses: Addresses) -> Batch | None:
        """What a file comes to; None while it is still being written. `age`: seconds since its last change."""


class Seen(NamedTuple):
    """A file as it was when it was read: another one of the same name must not be moved in its place."""

    inode: int
    size: int
    changed: int


class Folder:
    """The running watch of one folder."""

    def __init__(self, intake: Intake, setting: Setting, limits: Limits, reader: Reader) -> None:
        self.intake, self.setting, self.limits, self.reader = intake, setting, limits, reader
        self.path = path_of(setting)
        self.most = int(setting.options.get("max_file", MAX_FILE))
        self.afloat: dict[str, Seen] = {}  # read, and not moved yet
        self.settled: dict[str, str] = {}  # durable: where to
        self.connected: bool | None = None  # the source is in the plan; None = not looked yet
        _prepare(self.path)
        self._task = asyncio.create_task(self._run(), name=f"{setting.driver} {self.path}")

    async def close(self) -> None:
        """Stop looking; files whose readings are on their way are still moved when those are durable."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self.connected and (source := find(self.intake, self.setting.source)) is not None:
            self.intake.seen(source, "disconnected")

    async def _run(self) -> None:
        while True:
            try:
                await self.scan()
            except Exception:
                log.exception("查看文件夹 %s 时出错,稍后再试", self.path)
                self.intake.refuse(self.setting.source, "internal", str(self.path))
            await asyncio.sleep(SCAN)

    async def scan(self) -> None:
        """One look: every file that is new is read and offered."""
        self._move()
        if not self._registered():
            return
        for name in await asyncio.to_thread(self._names):
            if sum(seen.size for seen in self.afloat.values()) > self.limits.undurable:
                return
            if name not in self.afloat:
                await self._take(name)

    def _registered(self) -> bool:
        """The source is in the plan; its coming and going is told once."""
        source = find(self.intake, self.setting.source)
        if source is not None and not self.connected:
            self.intake.seen(source, "connected")
        elif source is None and self.connected is not False:
            log.warning("文件夹 %s 的来源 %s 还没有登记,登记后才开始接收", self.path, self.setting.source)
            self.intake.refuse(self.setting.source, "unknown_source", str(self.path))
        self.connected = source is not None
        return self.connected

    def _names(self) -> list[str]:
        with os.scandir(self.path) as entries:
            names = [e.name for e in entries if not e.name.startswith(".") and not e.is_dir(follow_symlinks=False)]
        return sorted(names, key=self.reader.order)

    async def _take(self, name: str) -> None:
        source = find(self.intake, self.setting.source)
        if source is None:
            return
        addresses = self.intake.source(source).addresses
        read = await asyncio.to_thread(self._read, name, clock.now_ms(), addresses)
        if read is None:
            return
        seen, batch = read
        self.afloat[name] = seen
        while not self._offer(name, batch):
            await asyncio.sleep(RETRY)

    def _offer(self, name: str, batch: Batch) -> bool:
        """False when the intake has no room now; a source that has left the plan leaves the file where it is."""
        source = find(self.intake, self.setting.source)
        if source is None:
            del self.afloat[name]
            return True
        return not take_rows(self.intake, source, batch.rows, clock.now_ms(), self.limits,
                             lambda: self._durable(name, batch), batch.refused).busy

    def _read(self, name: str, now: int, addresses: Addresses) -> tuple[Seen, Batch] | None:
        """A file as it is, and what it comes to; None while it is being written or when it has gone."""
        path = self.path / name
        try:
            was = path.lstat()
            seen = Seen(was.st_ino, was.st_size, was.st_mtime_ns)
            if not stat.S_ISREG(was.st_mode):
                return seen, refusal("not_a_file", f"{name}: 不是普通文件(如符号链接),不读取")
            if was.st_size > self.most:
                return seen, refusal("packet_too_big", f"{name}: {was.st_size} 字节,上限 {self.most}")
            raw = _content(path)
        except FileNotFoundError:
            return None
        try:
            batch = self.reader.read(name, raw, now / 1000 - was.st_mtime, now, addresses)
        except Exception:  # a fault of ours: this file is set aside, the next ones go on
            log.exception("读文件 %s 时出错", path)
            batch = refusal("internal", name)
        return None if batch is None else (seen, batch)

    def _durable(self, name: str, batch: Batch) -> None:
        batch.durable()
        self.settled[name] = batch.keep
        self._move()

    def _move(self) -> None:
        """Files that are dealt with go away; one that cannot be moved is tried again at the next look."""
        for name, kept in list(self.settled.items()):
            try:
                self._move_one(name, kept)
            except FileNotFoundError:
                pass
            except OSError:
                log.exception("文件 %s 不能移到 %s,请检查权限与磁盘", self.path / name, kept)
                continue
            del self.settled[name]
            self.afloat.pop(name, None)

    def _move_one(self, name: str, kept: str) -> None:
        path = self.path / name
        now = path.lstat()
        if Seen(now.st_ino, now.st_size, now.st_mtime_ns) != self.afloat.get(name):
            return  # another file of the same name has come meanwhile: it is read at the next look
        target, n = self.path / kept / name, 0
        while os.path.lexists(target):
            n += 1
            target = self.path / kept / f"{name}.dup{n}"
        path.rename(target)


def _content(path: Path) -> bytes:
    """The bytes of a file, never following a link that took its place."""
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
        return file.read()


def _prepare(path: Path) -> None:
    try:
        for kept in (DONE, REFUSED):
            (path / kept).mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        raise BadInput(f"文件夹 {path} 不能使用({wrong.strerror}),请检查路径与权限") from None


def path_of(setting: Setting) -> Path:
    """The folder a driver is told to watch; a BadInput when it is not told."""
    folder: Any = setting.options.get("folder")
    if not isinstance(folder, str) or not folder:
        raise BadInput(f"drivers.yaml 中 {setting.driver}({setting.source})要写 options.folder: 接收文件的文件夹")
    return Path(folder)
