"""From registers to named values, and which registers are read together."""

import math
import struct
from decimal import Decimal
from typing import Any, NamedTuple

from ..floats import figure
from ..rows import Figure
from .options import FORMS, MOST_BITS, MOST_REGISTERS, Register

MISSING: dict[str, Any] = {"value": 0, "quality": "no_data"}


class Block(NamedTuple):
    """Neighbours of one table, read by one request."""

    table: str
    address: int
    size: int  # registers or bits
    registers: tuple[Register, ...]

    @property
    def answered(self) -> int:
        """How many registers or bits a right answer has: bits come by whole octets."""
        return self.size + -self.size % 8 if self.registers[0].is_bit else self.size

    def apart(self) -> list["Block"]:
        """Each register by a request of its own."""
        return [Block(r.table, r.address, r.width, (r,)) for r in self.registers]

    def values(self, words: list[int]) -> dict[str, Any]:
        """What the answer says, by key; `words` are registers or bits."""
        return {r.key: value(r, words[r.address - self.address:r.end - self.address]) for r in self.registers}


def blocks(registers: list[Register], gap: int = 0) -> list[Block]:
    """As few requests as the protocol's limits and `gap` allow."""
    out: list[Block] = []
    for one in sorted(registers, key=lambda r: (r.table, r.address, r.end)):
        most = MOST_BITS if one.is_bit else MOST_REGISTERS
        if out and out[-1].table == one.table:
            last = out[-1]
            end = max(last.address + last.size, one.end)
            if one.address <= last.address + last.size + gap and end - last.address <= most:
                out[-1] = Block(last.table, last.address, end - last.address, (*last.registers, one))
                continue
        out.append(Block(one.table, one.address, one.width, (one,)))
    return out


def value(register: Register, words: list[int]) -> dict[str, Any]:
    """One value as the intake wants it; NaN, infinite and the device's own word for nothing are no data."""
    raw = int(words[0]) if register.is_bit else _raw(register, words)
    if not math.isfinite(raw) or (register.no_data is not None and raw == register.no_data):
        return dict(MISSING)
    if register.bit is not None:
        raw = int(raw) >> register.bit & 1
    told: dict[str, Any] = {"value": _scaled(register, raw), "quality": "good"}
    return told | ({"unit": register.unit} if register.unit else {})


def _raw(register: Register, words: list[int]) -> int | float:
    """The number in the registers: ABCD as the standard has it (V1.1b3 §4.2), the rest as devices have it."""
    if register.order in ("CDAB", "DCBA"):
        words = words[::-1]
    swap = register.order in ("BADC", "DCBA")
    octets = b"".join(word.to_bytes(2, "little" if swap else "big") for word in words)
    raw: int | float = struct.unpack(f">{FORMS[register.type]}", octets)[0]
    return raw


def _scaled(register: Register, raw: int | float) -> int | Figure:
    plain = register.scale == 1 and register.offset == 0
    if isinstance(raw, int) and plain:
        return raw
    text = str(raw) if isinstance(raw, int) else str(figure(raw, single=register.type == "float32"))
    if plain:
        return Figure(text)
    return Figure(Decimal(text) * Decimal(str(register.scale)) + Decimal(str(register.offset)))
