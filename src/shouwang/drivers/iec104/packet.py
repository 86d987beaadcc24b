"""Frames of IEC 60870-5-104:2006 §5: `68 | length | four control octets | ASDU`. No sockets, no clock."""

from typing import NamedTuple

from . import asdu

START, SHORTEST, LONGEST = 0x68, 4, 253  # of what follows the length octet
LEAST_I = SHORTEST + asdu.HEAD.size + 3  # an I frame carries at least one object's address
MODULUS = 32_768  # sequence numbers have 15 bits
ACTS = {0x07: "STARTDT_ACT", 0x0B: "STARTDT_CON", 0x13: "STOPDT_ACT", 0x23: "STOPDT_CON",
        0x43: "TESTFR_ACT", 0x83: "TESTFR_CON"}
_OCTET = {name: octet for octet, name in ACTS.items()}


class Apdu(NamedTuple):
    """One frame. `kind` I, S or U; `ns`, `nr` its sequence numbers; `act` what a U frame says; `raw` the octets."""

    kind: str
    raw: bytes
    ns: int = 0
    nr: int = 0
    act: str = ""

    @property
    def asdu(self) -> bytes:
        """The application data of an I frame."""
        return self.raw[6:]


class Bad(NamedTuple):
    """Octets that are no frame, and why."""

    raw: bytes
    why: str


def information(ns: int, nr: int, unit: bytes) -> bytes:
    """An I frame."""
    return bytes([START, SHORTEST + len(unit)]) + (ns << 1).to_bytes(2, "little") + supervisory(nr)[4:] + unit


def supervisory(nr: int) -> bytes:
    """An S frame: everything before `nr` has been received."""
    return bytes([START, SHORTEST, 1, 0]) + (nr << 1).to_bytes(2, "little")


def unnumbered(act: str) -> bytes:
    """A U frame."""
    return bytes([START, SHORTEST, _OCTET[act], 0, 0, 0])


def control(raw: bytes) -> Apdu:
    """A frame by its control octets (six octets at least); nothing about its length is checked."""
    first, nr = raw[2], int.from_bytes(raw[4:6], "little") >> 1
    if not first & 1:
        return Apdu("I", raw, int.from_bytes(raw[2:4], "little") >> 1, nr)
    if not first & 2:
        return Apdu("S", raw, 0, nr)
    return Apdu("U", raw, act=ACTS.get(first, f"0x{first:02X}"))


def fault(head: bytes) -> str:
    """Why what begins so (1 to 8 octets) cannot be a frame; empty while it still can."""
    if head[0] != START:
        return "没有 0x68 启动字符"
    if len(head) > 1 and not SHORTEST <= head[1] <= LONGEST:
        return f"长度 {head[1]} 不在 {SHORTEST}–{LONGEST} 之内"
    if len(head) > 2 and (why := _control_fault(head[1], head[2])):
        return why
    if len(head) > 3 and head[2] & 1 and head[3]:
        return "控制域的保留位不为 0"
    if len(head) >= 8 and not head[2] & 1:
        wanted = asdu.size(head[6:8])
        if not head[6] or (wanted is not None and wanted != head[1] - SHORTEST) or not head[7] & 0x7F:
            return f"长度 {head[1]} 与类型 {head[6]}、对象数 {head[7] & 0x7F} 不符"
    return ""


def _control_fault(length: int, first: int) -> str:
    if first & 1:
        if length != SHORTEST:
            return f"S/U 帧长度应为 {SHORTEST},而不是 {length}"
        if first & 2 and first not in ACTS:
            return f"U 帧控制字 0x{first:02X} 不认识"
        return "" if first & 2 or first == 1 else "控制域的保留位不为 0"
    return f"I 帧长度 {length} 不足 {LEAST_I}" if length < LEAST_I else ""


class Splitter:
    """A byte stream → frames and what is none, the same wherever it is split. Holds less than one frame."""

    def __init__(self) -> None:
        self._held = b""
        self._skipped = b""  # a run of octets that are no frame is reported once, when it ends
        self._why = ""

    def feed(self, data: bytes) -> list[Apdu | Bad]:
        """What these bytes complete."""
        held, at, out = self._held + data, 0, list[Apdu | Bad]()
        while at < len(held):
            if why := fault(held[at:at + 8]):
                self._skip(held[at:at + 1], why, out)
                at += 1
                continue
            if len(held) - at < 2 or len(held) - at < 2 + held[at + 1]:
                break
            end = at + 2 + held[at + 1]
            self._report(out)
            out.append(control(held[at:end]))
            at = end
        self._held = held[at:]
        return out

    def close(self) -> list[Apdu | Bad]:
        """What was left when the stream ended."""
        out: list[Apdu | Bad] = []
        if self._held:
            self._skip(self._held, "报文不完整", out)
        self._held = b""
        self._report(out)
        return out

    def _skip(self, octets: bytes, why: str, out: list[Apdu | Bad]) -> None:
        self._why = self._why or why
        self._skipped += octets
        if len(self._skipped) > LONGEST:
            self._report(out)

    def _report(self, out: list[Apdu | Bad]) -> None:
        if self._skipped:
            out.append(Bad(self._skipped, self._why))
        self._skipped, self._why = b"", ""
