"""One connection of HJ 212 devices: who speaks, what it measures, and the answer once that is on disk."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import msgspec

from shouwang.engines.telemetry.seam import Intake
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput

from ..configured import FILE, Setting
from ..limits import Limits
from ..line import Floor, Line, Owed
from ..logins import Logins
from . import commands as c
from .packet import Bad, Frame, Frames, Segment, frame, number, read
from .readings import data_time, measures, rows

DATA_ANSWER, NOTICE_ANSWER = "9014", "9013"
NOTICES = {"1001", "1013", "9015", "9021"}  # hardware number (2025), asks for the time, heartbeats (2025, regional)
ANSWERS = {"9011", "9012", "9013", "9014"}
PARTS = 200  # reports whose sub-packages are being awaited on one connection [D]
_SECRET = re.compile(rb"(PW|NewPW|NewSK)=[^;,&]*")


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is agreed with one device (MN)."""

    password: str | int | None = None
    crc: Literal["strict", "count"] | None = None


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`options` of the driver: agreed with every device, unless `devices` says otherwise for its MN."""

    password: str | int | None = None
    crc: Literal["strict", "count"] = "strict"
    set_time: bool = False
    devices: dict[str, Device] = {}

    def of(self, mn: str) -> Device:
        """What is agreed with this device."""
        own = self.devices.get(mn, Device())
        return Device(self.password if own.password is None else own.password, own.crc or self.crc)


class Hall(Floor):
    """What all connections share."""

    def __init__(self, intake: Intake, setting: Setting, limits: Limits) -> None:
        super().__init__(intake, setting, limits)
        self.logins = Logins(limits)
        try:
            self.options = msgspec.convert(setting.options, Options)
        except msgspec.ValidationError as wrong:
            raise BadInput(f"{FILE}:驱动 hj212 的 options 有误:{wrong};"
                           "可写 crc(strict 或 count)、password、set_time、devices") from None


class Session(Line):
    """One connection; a collector may report for several MN over it."""

    def __init__(self, hall: Hall) -> None:
        super().__init__(hall, Frames())
        self.hall = hall
        self.trusted: set[str] = set()
        self.parts: dict[tuple[str, str, str], str] = {}  # (MN, ST, CN) → DataTime of its first sub-package
        self.commands = c.Commands(hall.loop, self.send)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone, and what was asked over it."""
        self.commands.drop()
        super().connection_lost(exc)

    def send(self, segment: str) -> None:
        """Say something unasked."""
        if not self.transport.is_closing():
            self.transport.write(frame(segment))

    def hear(self, said: Any, owed: Owed) -> bool:
        """Judge one frame."""
        source = self.source()
        segment = read(said.segment) if isinstance(said, Frame) else None
        if segment is None or not segment.head.get("MN"):
            self.count("bad_frame", hidden(said))
        elif source is None:
            self.count("unknown_source", self.address)
        else:
            return self._judge(said, segment, source, owed)
        self.settle(owed)
        return True

    def _judge(self, said: Frame, segment: Segment, source: int, owed: Owed) -> bool:
        """A frame not taken gets no answer, so that the device says it again."""
        mn = segment.head["MN"]
        odd = self._checked(said, mn)
        if "checksum" not in odd and self._trust(segment):
            self.greet(source)
            if not self._act(segment, source, list(odd.items()), owed):
                return False
        else:
            if "checksum" in odd:
                self.count("checksum", odd["checksum"])
            self.settle(owed)
        if not said.crc_ok and mn in self.intake.source(source).addresses:
            self.intake.seen(source, f"crc {mn}")
        return True

    def _trust(self, segment: Segment) -> bool:
        """Whether the password agreed with this MN came with it; who guesses is shut out for a while."""
        mn, said = segment.head["MN"], segment.head.get("PW", "")
        agreed = self.hall.options.of(mn).password
        if agreed is None or mn in self.trusted:
            return True
        now, logins = self.hall.loop.time(), self.hall.logins
        if not logins.may(self.address, f"{mn}:{said}", now):
            self.count("login_limited", f"{self.address}: {mn}")
            self.transport.close()
        elif said == str(agreed):
            self.trusted.add(mn)
            logins.worked(self.address, f"{mn}:{said}")
            return True
        else:
            logins.failed(self.address, now)
            self.count("bad_credentials", f"{self.address}: {mn}")
        return False

    def _checked(self, said: Frame, mn: str) -> dict[str, str]:
        """What is to be counted of length and CRC; with `checksum` the frame is not taken."""
        odd = {} if said.len_ok else {"length": shown(said)}
        if said.crc_ok:
            return odd
        if self.hall.options.of(mn).crc == "strict":
            return {"checksum": shown(said)}
        return {"checksum_counted": shown(said)} | odd

    def _act(self, segment: Segment, source: int, refused: list[tuple[str, str]], owed: Owed) -> bool:
        head = segment.head
        cn, found = head.get("CN", ""), list[Any]()
        if cn in ANSWERS:
            self._answered(segment, source)
        if measures(cn):
            found, wrong = rows(segment, self._before(segment))
            refused += wrong
        return self.take(source, found, refused, self._done(segment, owed))

    def _done(self, segment: Segment, owed: Owed) -> Callable[[], None]:
        """Answers the frame once it is durable, where an answer is wanted; then what the device asked for."""
        head, cn = segment.head, segment.head.get("CN", "")
        if cn in ANSWERS or not segment.flag & 1:
            return partial(self.settle, owed)
        kind = NOTICE_ANSWER if cn in NOTICES else DATA_ANSWER
        answer = frame(c.segment(head, kind, "91", segment.flag & ~3))

        def done() -> None:
            self.settle(owed, answer)
            if cn == "1013" and self.hall.options.set_time:
                self.commands.ask(head, "1012", segment.flag, f"SystemTime={c.stamp(clock.now())[:14]}", clock.now())

        return done

    def _before(self, segment: Segment) -> str | None:
        """The DataTime of the first sub-package of this report; the first one leaves it here."""
        head = segment.head
        if not segment.flag & 2 and "PNO" not in head:
            return None
        report, own = (head["MN"], head.get("ST", ""), head.get("CN", "")), data_time(segment)
        if number(head.get("PNO", "")) == 1:
            self.parts.pop(report, None)
            if own:
                self.parts[report] = own
        if len(self.parts) > PARTS:
            self.parts.pop(next(iter(self.parts)))
        return own or self.parts.get(report)

    def _answered(self, segment: Segment, source: int) -> None:
        told = self.commands.answered(segment)
        if told:
            self.intake.seen(source, told)


def hidden(said: Frame | Bad) -> bytes:
    """The beginning of what came, without passwords."""
    raw = said.raw if isinstance(said, Bad) else b"##%04d%b" % (said.declared, said.segment)
    return _SECRET.sub(rb"\1=***", raw)


def shown(said: Frame) -> str:
    """The same as text."""
    return hidden(said).decode("utf-8", "replace")
