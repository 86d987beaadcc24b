"""The fast way through ThingsBoard's telemetry: all messages of a tick in one sweep, names resolved, values scaled.

It takes what gateways send all day: plain names, plain numbers, a time, known points. A message with anything else in
it (an escape, an exponent, a string, an unknown name, a time out of bounds, a key twice) is left as it was: "odd", for
the careful decoder (`thingsboard.py`, `take.py`), which counts and names what is wrong. Both give the same readings
for what the fast one takes. No sockets, no clock; reads nothing beyond a message's own bytes.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from shouwang.engines.telemetry.plan import Plan

numba: Any
try:
    import numba
except ImportError:
    numba = None

COMPILED = numba is not None and os.environ.get("SHOUWANG_NUMBA", "1") != "0"
F = TypeVar("F", bound=Callable[..., Any])
Array = NDArray[Any]
GATEWAY, DEVICE = 0, 1  # {"device": [{"ts": …, "values": {…}}, …], …} and {"ts": …, "values": {…}} or {key: value}
ODD = -1
DIGITS = 18  # a longer number could overflow int64
MOST = 1 << 40  # beyond what 32 bits hold, and far enough below int64 that one more digit cannot overflow it


def jit(fn: F) -> F:
    """The function compiled where numba is; otherwise itself."""
    if not COMPILED:
        return fn
    compiled: F = numba.njit(cache=True, nogil=True)(fn)
    return compiled


NAME = np.dtype([
    ("begin", "i8"), ("end", "i8"),  # where its bytes stand in the text
    ("owner", "i8"),  # of a device its source, of a key its device
    ("after", "i8"),  # the one declared next, which gateways mostly send next
    ("first", "i8"),  # of a device its first key; of a key its point
    ("digits", "i8"),  # of a key: of its point
    ("message", "i8"), ("row", "i8"),  # the message, and the place in it, that last had it
])


PACKET = np.dtype([("source", "i8"), ("kind", "i8"), ("received", "i8"), ("end", "i8")])
READING = np.dtype([("t", "i8"), ("point", "u4"), ("v", "i4")])


class Names(NamedTuple):
    """Names in a hash table. A device belongs to a source, a key to a device."""

    text: Array  # u1: all names, one after the other
    rows: Array  # NAME
    slots: Array  # i4, power of two: open addressing, -1 empty


class Found(NamedTuple):
    """Readings of the messages in order; how many of each, ODD where it must go the careful way."""

    readings: Array  # READING
    taken: Array  # i8 per message


@dataclass
class Packet:
    """One message: source index, GATEWAY or DEVICE, its payload, when it came (ms)."""

    source: int
    kind: int
    payload: bytes
    received: int


def names_of(plan: Plan) -> tuple[Names, Names, Array]:
    """The plan's devices and keys, and per source the device of its own name (-1 none)."""
    text = bytearray(b" ")
    devices: list[tuple[int, ...]] = []
    keys: list[tuple[int, ...]] = []
    own = np.full(len(plan.sources), -1, np.int32)
    for s, source in enumerate(plan.sources):
        for device, addresses in source.addresses.items():
            if device == source.name:
                own[s] = len(devices)
            first = len(keys)
            for key, point in addresses.items():
                keys.append((*_put(text, key), len(devices), len(keys) + 1, point, int(plan.points["digits"][point]),
                             -1, -1))
            devices.append((*_put(text, device), s, len(devices) + 1, first if addresses else -1, 0, -1, -1))
    told = np.frombuffer(bytes(text), np.uint8)
    return _hashed(told, devices), _hashed(told, keys), own


def _hashed(text: Array, rows: list[tuple[int, ...]]) -> Names:
    made = Names(text, np.array(rows, NAME), np.full(1 << max(4, (2 * len(rows)).bit_length()), -1, np.int32))
    if rows:
        made.rows["after"][-1] = 0
    _fill(made)
    return made


def _put(text: bytearray, name: str) -> tuple[int, int]:
    begin = len(text)
    text += name.encode()
    return begin, len(text)


@jit
def _hash(text: Array, begin: int, end: int, owner: int) -> int:
    h = np.uint64(0xCBF29CE484222325) ^ np.uint64(owner + 1)
    for i in range(begin, end):
        h = (h ^ np.uint64(text[i])) * np.uint64(0x100000001B3)
    return int((h ^ (h >> np.uint64(29))) & np.uint64(0x7FFFFFFFFFFFFFFF))


@jit
def _fill(names: Names) -> None:
    text, rows, slots = names
    for i in range(len(rows)):
        slot = _hash(text, rows[i].begin, rows[i].end, rows[i].owner) & (len(slots) - 1)
        while slots[slot] >= 0:
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = i


@jit
def _same(text: Array, begin: int, end: int, buf: Array, at: int, stop: int) -> bool:
    if end - begin != stop - at:
        return False
    for i in range(stop - at):  # noqa: SIM110 - a loop is what is compiled well
        if text[begin + i] != buf[at + i]:
            return False
    return True


@jit
def _find(names: Names, owner: int, buf: Array, at: int, stop: int, guess: int) -> int:
    """The name of `owner` that stands in buf from `at` to `stop`; -1 where there is none."""
    text, rows, slots = names
    if guess >= 0 and rows[guess].owner == owner and _same(text, rows[guess].begin, rows[guess].end, buf, at, stop):
        return guess
    slot = _hash(buf, at, stop, owner) & (len(slots) - 1)
    while True:
        i = int(slots[slot])
        if i < 0 or (rows[i].owner == owner and _same(text, rows[i].begin, rows[i].end, buf, at, stop)):
            return i
        slot = (slot + 1) & (len(slots) - 1)


@jit
def _skip(buf: Array, at: int, end: int) -> int:
    """Past white space."""
    while at < end and (buf[at] == 32 or buf[at] == 10 or buf[at] == 13 or buf[at] == 9):
        at += 1
    return at


@jit
def _expect(buf: Array, at: int, end: int, sign: int) -> int:
    """Past white space and this character; ODD where it does not stand."""
    at = _skip(buf, at, end)
    return at + 1 if at < end and buf[at] == sign else ODD


@jit
def _string(buf: Array, at: int, end: int) -> int:
    """The closing quote of a plain string whose text begins at `at`; ODD for escapes, controls, no end."""
    while at < end:
        c = buf[at]
        if c == 34:
            return at
        if c == 92 or c < 32:
            return ODD
        at += 1
    return ODD


@jit
def _integer(buf: Array, at: int, end: int) -> tuple[int, int]:
    """(value, place after it) of a plain non-negative integer; (0, ODD) otherwise."""
    begin, value = at, 0
    while at < end and 48 <= buf[at] <= 57:
        value = value * 10 + (buf[at] - 48)
        at += 1
        if at - begin > DIGITS:
            return 0, ODD
    if at == begin or (buf[begin] == 48 and at - begin > 1):
        return 0, ODD
    return value, at


@jit
def _number(buf: Array, at: int, end: int, digits: int) -> tuple[int, int]:
    """(value in units of 10**-digits, half away from zero, place after it); (0, ODD) for what is not plain."""
    negative = at < end and buf[at] == 45
    if negative:
        at += 1
    value, at = _integer(buf, at, end)
    if at == ODD or value > MOST:
        return 0, ODD
    places, up = 0, False
    if at < end and buf[at] == 46:
        begin = at = at + 1
        while at < end and 48 <= buf[at] <= 57:
            if places < digits:
                value = value * 10 + (buf[at] - 48)
                places += 1
            elif at - begin == digits:
                up = buf[at] >= 53
            at += 1
            if value > MOST or at - begin > DIGITS:
                return 0, ODD
        if at == begin:
            return 0, ODD
    for _ in range(digits - places):
        value *= 10
        if value > MOST:
            return 0, ODD
    if up:
        value += 1
    if negative:
        value = -value
    return (value, at) if -(1 << 31) <= value < 1 << 31 else (0, ODD)


_TS = np.frombuffer(b'ts"', np.uint8)
_VALUES = np.frombuffer(b'values"', np.uint8)


@jit
def _values(keys: Names, buf: Array, at: int, end: int, message: int, device: int, first: int, t: int,
            out: Array, n: int) -> tuple[int, int]:
    """The members of a values object, `at` behind its brace: (place after it, readings so far); (ODD, n) otherwise."""
    row, guess, rows = at, first, keys.rows
    while True:
        at = _expect(buf, at, end, 34)
        stop = ODD if at == ODD else _string(buf, at, end)
        if stop == ODD:
            return ODD, n
        k = _find(keys, device, buf, at, stop, guess)
        if k < 0 or (rows[k].message == message and rows[k].row == row):
            return ODD, n
        rows[k].message, rows[k].row = message, row
        guess = rows[k].after
        at = _expect(buf, stop + 1, end, 58)
        if at == ODD:
            return ODD, n
        v, at = _number(buf, _skip(buf, at, end), end, rows[k].digits)
        if at == ODD:
            return ODD, n
        out[n].t, out[n].point, out[n].v = t, rows[k].first, v
        n += 1
        at = _skip(buf, at, end)
        if at >= end or (buf[at] != 44 and buf[at] != 125):
            return ODD, n
        at += 1
        if buf[at - 1] == 125:
            return at, n


@jit
def _time(buf: Array, at: int, end: int) -> tuple[int, int]:
    """(ms, place after `"ts": …, "values": {`), `at` behind the row's brace; (0, ODD) for any other beginning."""
    at = _expect(buf, at, end, 34)
    if at == ODD or not _same(_TS, 0, 3, buf, at, min(at + 3, end)):
        return 0, ODD
    at = _expect(buf, at + 3, end, 58)
    if at == ODD:
        return 0, ODD
    t, at = _integer(buf, _skip(buf, at, end), end)
    at = ODD if at == ODD else _expect(buf, at, end, 44)
    at = ODD if at == ODD else _expect(buf, at, end, 34)
    if at == ODD or not _same(_VALUES, 0, 7, buf, at, min(at + 7, end)):
        return 0, ODD
    at = _expect(buf, at + 7, end, 58)
    return t, ODD if at == ODD else _expect(buf, at, end, 123)


@jit
def _row(keys: Names, buf: Array, at: int, end: int, message: int, device: int, first: int, bounds: tuple[int, int],
         out: Array, n: int) -> tuple[int, int]:
    """{"ts": …, "values": {…}}, `at` behind its brace; a time out of bounds is for the careful decoder."""
    t, at = _time(buf, at, end)
    if at == ODD or t < bounds[0] or t > bounds[1]:
        return ODD, n
    at, n = _values(keys, buf, at, end, message, device, first, t, out, n)
    return ODD if at == ODD else _expect(buf, at, end, 125), n


@jit
def _rows(keys: Names, buf: Array, at: int, end: int, message: int, device: int, first: int, bounds: tuple[int, int],
          out: Array, n: int) -> tuple[int, int]:
    """The rows of one device, `at` behind its bracket."""
    while True:
        at = _expect(buf, at, end, 123)
        if at == ODD:
            return ODD, n
        at, n = _row(keys, buf, at, end, message, device, first, bounds, out, n)
        at = ODD if at == ODD else _skip(buf, at, end)
        if at == ODD or at >= end or (buf[at] != 44 and buf[at] != 93):
            return ODD, n
        at += 1
        if buf[at - 1] == 93:
            return at, n


@jit
def _gateway(devices: Names, keys: Names, buf: Array, at: int, end: int, message: int, source: int,
             bounds: tuple[int, int], out: Array, n: int, guess: int) -> tuple[int, int, int]:
    """The devices of a gateway message, `at` behind its brace: (place, readings so far, next device by guess)."""
    rows = devices.rows
    while True:
        at = _expect(buf, at, end, 34)
        stop = ODD if at == ODD else _string(buf, at, end)
        d = -1 if stop == ODD else _find(devices, source, buf, at, stop, guess)
        if d < 0 or rows[d].message == message:
            return ODD, n, guess
        rows[d].message = message
        guess = rows[d].after
        at = _expect(buf, stop + 1, end, 58)
        at = ODD if at == ODD else _expect(buf, at, end, 91)
        if at == ODD:
            return ODD, n, guess
        at, n = _rows(keys, buf, at, end, message, d, rows[d].first, bounds, out, n)
        at = ODD if at == ODD else _skip(buf, at, end)
        if at == ODD or at >= end or (buf[at] != 44 and buf[at] != 125):
            return ODD, n, guess
        at += 1
        if buf[at - 1] == 125:
            return at, n, guess


@jit
def _scan(devices: Names, keys: Names, own: Array, buf: Array, packets: Array, first: int, past_ms: int,
          future_ms: int, out: Array, count: Array) -> int:
    """All messages, one after the other in `buf`; how many readings were taken."""
    n, begin, guess = 0, 0, -1
    for i in range(len(packets)):
        end, was, packet = packets[i].end, n, packets[i]
        bounds = (packet.received - past_ms, packet.received + future_ms)
        at = _expect(buf, begin, end, 123)
        device = own[packet.source]
        if at != ODD and packet.kind == GATEWAY:
            at, n, guess = _gateway(devices, keys, buf, at, end, first + i, packet.source, bounds, out, n, guess)
        elif at != ODD and device >= 0 and _time(buf, at, end)[1] != ODD:
            at, n = _row(keys, buf, at, end, first + i, device, devices.rows[device].first, bounds, out, n)
        elif at != ODD and device >= 0:
            at, n = _values(keys, buf, at, end, first + i, device, devices.rows[device].first, packet.received, out, n)
        if at == ODD or (device < 0 and packet.kind == DEVICE) or _skip(buf, at, end) != end:
            n, count[i] = was, ODD
        else:
            count[i] = n - was
        begin = end
    return n


class Scanner:
    """The fast way for one plan. `take` may be called again and again."""

    def __init__(self, plan: Plan, past_ms: int, future_ms: int) -> None:
        self.devices, self.keys, self.own = names_of(plan)
        self.past_ms, self.future_ms, self.messages = past_ms, future_ms, 0

    def take(self, packets: list[Packet]) -> Found:
        """Readings of the packets in order, good quality all of them; an odd one has none."""
        raw = b"".join(p.payload for p in packets) or b" "
        told = np.array([(p.source, p.kind, p.received, 0) for p in packets], PACKET)
        told["end"] = np.cumsum([len(p.payload) for p in packets])
        out = np.empty(len(raw) // 5 + 1, READING)  # the shortest reading is 5 bytes: "":1}
        count = np.empty(len(packets), np.int64)
        n = _scan(self.devices, self.keys, self.own, np.frombuffer(raw, np.uint8), told, self.messages, self.past_ms,
                  self.future_ms, out, count)
        self.messages += len(packets)
        return Found(out[:n], count)
