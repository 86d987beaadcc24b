"""What `options` of an entry `driver: modbus` in drivers.yaml may say: where, how often, which registers mean what."""

from typing import Any, Literal

import msgspec

from shouwang.kernel.errors import BadInput

MOST_REGISTERS, MOST_BITS = 125, 2000  # of one request: MODBUS Application Protocol V1.1b3 §6.3, §6.1
Number = int | float | str
FORMS = {"int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q", "float32": "f",
         "float64": "d"}
WIDTH = {"h": 1, "H": 1, "i": 2, "I": 2, "f": 2, "q": 4, "Q": 4, "d": 4}


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One value: where it stands, how it is written there, what it is called."""

    key: str
    address: int  # as in the request: 40001 of a manual is holding 0
    table: Literal["holding", "input", "coil", "discrete"] = "holding"
    type: Literal["int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"] = "uint16"
    order: Literal["ABCD", "CDAB", "BADC", "DCBA"] = "ABCD"  # CDAB: low word first; BADC: octets of each word swapped
    bit: int | None = None  # only this bit (0 lowest) of the value
    scale: Number = 1
    offset: Number = 0  # value = raw * scale + offset
    unit: str = ""  # where it is not the point's own
    no_data: int | None = None  # the raw value by which this device says that it has none

    @property
    def is_bit(self) -> bool:
        """A coil or a discrete input."""
        return self.table in ("coil", "discrete")

    @property
    def width(self) -> int:
        """Registers (or bits) it occupies."""
        return 1 if self.is_bit else WIDTH[FORMS[self.type]]

    @property
    def end(self) -> int:
        """The address after it."""
        return self.address + self.width


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One unit on the line. Without a name its number is its name."""

    unit: int
    registers: list[Register]
    device: str = ""

    @property
    def name(self) -> str:
        """As it is registered under the source."""
        return self.device or str(self.unit)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One server or gateway. Spans in seconds; all numbers 本系统默认 [D] but the port."""

    host: str  # the protocol knows no credentials: the address is all that says whose data this is
    devices: list[Device]
    port: int = 502  # MODBUS Messaging on TCP/IP V1.0b §2.2
    framing: Literal["tcp", "rtu", "ascii"] = "tcp"  # rtu and ascii: serial frames through a TCP converter
    every: float = 5.0
    timeout: float = 3.0
    retries: int = 1
    gap: int = 0  # registers nobody asked for that may be read to join two blocks


def read(given: dict[str, Any], source: str) -> Options:
    """The options of a driver entry; what is wrong is a BadInput that names it."""
    where = f"drivers.yaml 中来源 {source!r} 的 modbus options"
    try:
        options = msgspec.convert(given, Options)
    except msgspec.ValidationError as wrong:
        raise BadInput(f"{where}: {wrong};应有 host 与 devices(每台 unit、registers)") from None
    if options.every <= 0 or options.timeout <= 0 or options.retries < 0 or options.gap < 0:
        raise BadInput(f"{where}: every、timeout 应大于 0,retries、gap 不应为负")
    for device in options.devices:
        if why := _wrong(device):
            raise BadInput(f"{where}: 设备 {device.name}: {why}")
    if len({device.name for device in options.devices}) < len(options.devices):
        raise BadInput(f"{where}: 设备名重复;用 device 给每台取不同的名字")
    return options


def _wrong(device: Device) -> str:
    if not 0 <= device.unit <= 255:
        return f"unit {device.unit} 不在 0–255 之内"
    if not device.registers or len({r.key for r in device.registers}) < len(device.registers):
        return "registers 为空或 key 重复"
    return next((f"{r.key}: {why}" for r in device.registers if (why := _wrong_register(r))), "")


def _wrong_register(register: Register) -> str:
    if register.address < 0 or register.end > 65_536:
        return f"address {register.address} 不在 0–65535 之内"
    if register.bit is not None and (register.is_bit or not 0 <= register.bit < 16 * register.width):
        return f"bit {register.bit} 超出 {register.type}"
    for number in (register.scale, register.offset):
        try:
            float(number)
        except ValueError:
            return f"{number!r} 应是数字"
    return ""
