"""What the platform asks of a device: sent again until 9011, finished by 9012 (HJ 212-2017 §6.4, annex B)."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from shouwang.kernel.clock import LOCAL

from .packet import Segment

MOST = 50  # commands of one connection that wait for their end [D]
OVERTIME, TIMES = 5.0, 3  # seconds until asked again, times asked (HJ 212-2017 §9.2: 超时 5 s, 重发 3 次) [M]
READY, DONE = "1", "1"  # QnRtn 准备执行请求, ExeRtn 执行成功


def segment(head: Mapping[str, str], cn: str, st: str, flag: int, cp: str = "") -> str:
    """A segment to the device that sent `head`, with the QN it is about."""
    qn = f"QN={head['QN']};" if head.get("QN") else ""
    version = f"Flag={flag};" if "Flag" in head else ""
    return f"{qn}ST={st};CN={cn};PW={head.get('PW', '')};MN={head['MN']};{version}CP=&&{cp}&&"


def stamp(at: datetime) -> str:
    """A moment as QN: yyyyMMddHHmmsszzz, Beijing time."""
    return at.astimezone(LOCAL).strftime("%Y%m%d%H%M%S%f")[:17]


class Commands:
    """The commands of one connection that are not finished."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Callable[[str], None]) -> None:
        self._loop, self._send = loop, send
        self._open: dict[tuple[str, str], asyncio.TimerHandle | None] = {}  # (MN, QN) → the next time it is asked

    def ask(self, head: Mapping[str, str], cn: str, flag: int, cp: str, at: datetime) -> str:
        """Ask the device that sent `head`; returns the QN its answers will carry."""
        qn = stamp(at)
        if len(self._open) >= MOST:
            self._forget(next(iter(self._open)))
        said = segment({**head, "QN": qn}, cn, head.get("ST", ""), flag & ~3 | 1, cp)
        self._ask((head["MN"], qn), said, TIMES)
        return qn

    def answered(self, said: Segment) -> str:
        """Note a 9011 or 9012; the event to count: `command_refused`, `command_done`, `command_failed`, or none."""
        key, fields = (said.head["MN"], said.head.get("QN", "")), dict(pair for item in said.cp for pair in item)
        if key not in self._open:
            return ""
        self._forget(key)
        if said.head.get("CN") == "9011" and fields.get("QnRtn") == READY:
            self._open[key] = None
            return ""
        if said.head.get("CN") == "9012":
            return "command_done" if fields.get("ExeRtn") == DONE else "command_failed"
        return "command_refused"

    def drop(self) -> None:
        """The connection is gone."""
        for key in list(self._open):
            self._forget(key)

    def _forget(self, key: tuple[str, str]) -> None:
        timer = self._open.pop(key)
        if timer is not None:
            timer.cancel()

    def _ask(self, key: tuple[str, str], said: str, times: int) -> None:
        if not times:
            del self._open[key]
            return
        self._send(said)
        self._open[key] = self._loop.call_later(OVERTIME, self._ask, key, said, times - 1)
