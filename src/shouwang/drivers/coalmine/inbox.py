"""What becomes of each file of a mine: taken, taken in part, stale, duplicate, waiting or refused (42号文)."""

import hashlib
import json
import logging
from collections import deque
from pathlib import Path
from typing import Any

from shouwang.kernel.errors import BadInput

from ..folder import DONE, Addresses, Batch, refusal
from ..rows import Malformed
from .dialect import Dialect
from .packet import AHEAD, BAD_SHARE, File, complete, parse, read_name
from .readings import rows

log = logging.getLogger(__name__)
WAIT = 600.0  # seconds an unfinished file may rest unchanged before it is refused (42号文 practice: 10 min)
REMEMBERED = 20_000  # [D] files whose name and digest are kept to know them again: half a week of a mine
LEDGER = ".taken.jsonl"


class Ledger:
    """Which files have been taken: name and SHA-256, the newest header time by mine and type. Survives a restart."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.order: deque[tuple[str, str]] = deque()
        self.taken: set[tuple[str, str]] = set()
        self.newest: dict[tuple[str, str], float] = {}
        lines = path.read_text("utf8").splitlines() if path.exists() else []
        for line in lines:
            self._read(line)
        if len(lines) > 2 * REMEMBERED:
            path.write_text("".join(f"{line}\n" for line in lines[-REMEMBERED:]), "utf8")

    def _read(self, line: str) -> None:
        try:
            name, digest, mine, kind, t = json.loads(line)
            self._keep((str(name), str(digest)), (str(mine), str(kind)), float(t))
        except (ValueError, TypeError):
            log.warning("%s 中有一行不能读,已略过", self.path)

    def _keep(self, file: tuple[str, str], stream: tuple[str, str], t: float) -> None:
        if file not in self.taken:
            self.order.append(file)
            self.taken.add(file)
        if len(self.order) > REMEMBERED:
            self.taken.discard(self.order.popleft())
        self.newest[stream] = max(t, self.newest.get(stream, t))

    def keep(self, name: str, digest: str, file: File) -> None:
        """A file whose readings are on disk."""
        t = file.t.timestamp()
        self._keep((name, digest), file.name[:2], t)
        try:
            with self.path.open("a", encoding="utf8") as ledger:
                ledger.write(json.dumps([name, digest, *file.name[:2], t], ensure_ascii=False) + "\n")
        except OSError:  # worth no reading: after a restart the file would be taken again, and fall away by its times
            log.exception("不能记入 %s", self.path)


class Inbox:
    """The files of the mines of one source."""

    def __init__(self, folder: Path, dialect: Dialect, options: dict[str, Any]) -> None:
        self.dialect = dialect
        self.mines = mines_of(options)
        self.wait = 60.0 * float(options.get("incomplete_minutes", WAIT / 60))
        self.ledger = Ledger(folder / LEDGER)

    def order(self, name: str) -> tuple[str, ...]:
        """By the upload time in the name: the older first."""
        parts = read_name(name, self.dialect)
        return (parts.uploaded if parts else "~", name)

    def read(self, name: str, raw: bytes, age: float, now: int, addresses: Addresses) -> Batch | None:
        """What a file comes to; None while it is being written."""
        parts = read_name(name, self.dialect)
        if parts is None:
            return refusal("file_name", f"{name}: 应为 <煤矿编码>_<类型>_<上传时间 14 位>.txt")
        if parts.mine not in (self.mines or addresses):
            return refusal("other_mine", f"{name}: 不是本来源的煤矿")
        if not complete(raw, self.dialect):
            late = f"{name}: 末尾没有 {self.dialect.end},超过 {self.wait / 60:g} 分钟仍不完整"
            return None if age < self.wait else refusal("incomplete", late)
        digest = hashlib.sha256(raw).hexdigest()
        if (name, digest) in self.ledger.taken:
            return Batch([], [("duplicate", f"{name}: 同名同内容的文件已收过")], DONE)
        try:
            file = parse(raw, parts, self.dialect)
        except Malformed as wrong:
            return refusal("malformed", f"{name}: {wrong}")
        return self._judge(name, digest, file, now, addresses)

    def _judge(self, name: str, digest: str, file: File, now: int, addresses: Addresses) -> Batch:
        ahead = file.t.timestamp() - now / 1000
        if ahead > AHEAD.total_seconds():
            return refusal("future", f"{name}: 文件头时间比现在晚 {ahead / 60:.0f} 分钟")
        if file.status == "UNKNOWN":
            return refusal("unknown_type", f"{name}: 类型 {file.name.type} 不认识")
        if file.status == "FAILED":
            first = file.bad[0]
            return refusal("too_many_bad", f"{name}: {len(file.bad)} 条有误,超过 {BAD_SHARE:.0%},整份不收;"
                                           f"第 {first.line} 条{first.why}")
        refused = [("bad_record", f"{name} 第 {bad.line} 条: {bad.why}") for bad in file.bad]
        refused += [("repeated", f"{name} 第 {r.line} 条与第 {r.before} 条重复,以后者为准") for r in file.repeated]
        if file.t.timestamp() < self.ledger.newest.get(file.name[:2], float("-inf")):
            refused.append(("stale", f"{name}: 比已收的同类文件旧,只补历史"))
        taken = rows(file, addresses.get(file.name.mine, {}))
        return Batch(taken, refused, DONE, lambda: self.ledger.keep(name, digest, file))


def mines_of(options: dict[str, Any]) -> tuple[str, ...]:
    """The mine codes a source may send (`mine: code` or a list); none = those registered as its devices."""
    mines = options.get("mine", ())
    given = (mines,) if isinstance(mines, str) else tuple(mines) if isinstance(mines, list) else mines
    if not isinstance(given, tuple) or not all(isinstance(m, str) for m in given):
        raise BadInput('options.mine 应是煤矿编码或其列表,编码要加引号,如 "620823009203"')
    return given


