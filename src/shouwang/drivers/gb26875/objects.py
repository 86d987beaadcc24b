"""Information objects of GB/T 26875.3-2011 §8: what fire systems, their parts and the transmitter itself report."""

import struct
from collections.abc import Callable
from typing import NamedTuple

from ..rows import Malformed

CLOCK, CHECK_POST = 90, 91  # downward: set the transmitter's clock, call the person on duty (查岗)


class State(NamedTuple):
    """Type 1: state of a fire system (建筑消防设施系统状态)."""

    sys_type: int
    sys_addr: int
    status: int
    time: bytes


class Part(NamedTuple):
    """Type 2: state of a part. The address is in wire order, as sites label it."""

    sys_type: int
    sys_addr: int
    part_type: int
    part_addr: str
    status: int
    desc: str
    time: bytes


class Analog(NamedTuple):
    """Type 3: an analog value of a part, in steps of its kind (`ANALOGS`)."""

    sys_type: int
    sys_addr: int
    part_type: int
    part_addr: str
    analog_type: int
    analog_value: int
    time: bytes


class Operation(NamedTuple):
    """Type 4: somebody operated a fire system."""

    sys_type: int
    sys_addr: int
    operation: int
    operator: int
    time: bytes


class Version(NamedTuple):
    """Type 5: software version of a fire system."""

    sys_type: int
    sys_addr: int
    main: int
    minor: int


class Configuration(NamedTuple):
    """Type 6: configuration of a fire system, in words."""

    sys_type: int
    sys_addr: int
    text: str


class PartConfiguration(NamedTuple):
    """Type 7: what a part is and where it hangs."""

    sys_type: int
    sys_addr: int
    part_type: int
    part_addr: str
    desc: str


class SystemClock(NamedTuple):
    """Type 8: the clock of a fire system."""

    sys_type: int
    sys_addr: int
    time: bytes


class Transmitter(NamedTuple):
    """Type 21: state of the transmitter itself."""

    status: int
    time: bytes


class TransmitterOperation(NamedTuple):
    """Type 24: somebody operated the transmitter; 手动报警 and 查岗应答 come this way."""

    operation: int
    operator: int
    time: bytes


class TransmitterVersion(NamedTuple):
    """Type 25: software version of the transmitter."""

    main: int
    minor: int


class TransmitterConfiguration(NamedTuple):
    """Type 26: configuration of the transmitter, in words."""

    text: str


class TransmitterClock(NamedTuple):
    """Type 28: the transmitter's clock."""

    time: bytes


Thing = (State | Part | Analog | Operation | Version | Configuration | PartConfiguration | SystemClock | Transmitter
         | TransmitterOperation | TransmitterVersion | TransmitterConfiguration | TransmitterClock)
Reader = Callable[[bytes], tuple[Thing, int]]


class App(NamedTuple):
    """Application data: its type, the objects announced and those really there. `short` when the two differ."""

    type: int
    announced: int
    items: list[Thing]
    short: bool


def _fixed(kind: Callable[..., Thing], layout: str) -> Reader:
    """A reader of objects of one length; 4 bytes are an address, 31 a text."""
    form = struct.Struct("<" + layout)

    def read_one(raw: bytes) -> tuple[Thing, int]:
        return kind(*map(_field, form.unpack_from(raw))), form.size

    return read_one


def _field(value: int | bytes) -> int | bytes | str:
    if isinstance(value, bytes) and len(value) != 6:
        return value.hex() if len(value) == 4 else words(value)
    return value


def words(raw: bytes) -> str:
    """Text padded with zeros, GB 18030 (§8.2.1.2); bytes that are not are marked."""
    return raw.rstrip(b"\0").decode("gb18030", "replace")


def _system_text(raw: bytes) -> tuple[Thing, int]:
    size = 3 + raw[2]
    if len(raw) < size:
        raise IndexError
    return Configuration(raw[0], raw[1], words(raw[3:size])), size


def _transmitter_text(raw: bytes) -> tuple[Thing, int]:
    size = 1 + raw[0]
    if len(raw) < size:
        raise IndexError
    return TransmitterConfiguration(words(raw[1:size])), size


READERS: dict[int, Reader] = {
    1: _fixed(State, "BBH6s"), 2: _fixed(Part, "BBB4sH31s6s"), 3: _fixed(Analog, "BBB4sBh6s"),
    4: _fixed(Operation, "BBBB6s"), 5: _fixed(Version, "BBBB"), 6: _system_text,
    7: _fixed(PartConfiguration, "BBB4s31s"), 8: _fixed(SystemClock, "BB6s"), 21: _fixed(Transmitter, "B6s"),
    24: _fixed(TransmitterOperation, "BB6s"), 25: _fixed(TransmitterVersion, "BB"), 26: _transmitter_text,
    28: _fixed(TransmitterClock, "6s"),
}


def read(app: bytes) -> App:
    """Application data as objects. Types that say nothing upward (61-91) and unknown ones have no objects."""
    if len(app) < 2:
        raise Malformed("应用数据至少应有类型标志与信息对象数目 2 字节")
    reader, rest = READERS.get(app[0]), app[2:]
    items: list[Thing] = []
    while reader is not None and rest and len(items) < app[1]:
        try:
            one, size = reader(rest)
        except (struct.error, IndexError):
            break
        items.append(one)
        rest = rest[size:]
    return App(app[0], app[1], items, reader is not None and (len(items) < app[1] or bool(rest)))


def written(time: bytes) -> str:
    """A time (s min h d month year-2000) as written, possible or not."""
    second, minute, hour, day, month, year = time
    return f"{2000 + year:04d}-{month:02d}-{day:02d} {hour:02d}:{minute:02d}:{second:02d}"


def clock_setting(time: bytes) -> bytes:
    """Application data of command 1 that sets the transmitter's clock."""
    return bytes([CLOCK, 1]) + time


def post_check(minutes: int) -> bytes:
    """Application data of command 1 that asks whether the duty post is manned, to be answered within `minutes`."""
    return bytes([CHECK_POST, 1, minutes])
