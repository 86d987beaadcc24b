"""One connection of a transmitter: what it reports, and the confirmation (command 3) once that is on disk."""

from typing import Any

from shouwang.engines.telemetry.seam import Intake
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput

from ..configured import FILE, Setting
from ..limits import Limits
from ..line import Floor, Line, Owed
from ..rows import Malformed, Row
from .objects import clock_setting, read
from .packet import ACK, CONTROL, REJECT, RESPONSE, SEND, Bad, Frame, Frames, pack
from .readings import rows, stamp

GARBAGE = 65_536  # bytes without one packet, after which a connection is given up [D]


class Hall(Floor):
    """What all connections share."""

    def __init__(self, intake: Intake, setting: Setting, limits: Limits) -> None:
        super().__init__(intake, setting, limits)
        options = dict(setting.options)
        self.set_time = options.pop("set_time", False)
        if options or not isinstance(self.set_time, bool):
            raise BadInput(f"{FILE}:驱动 gb26875 的 options 只有 set_time(true 或 false),不能有"
                           f"{'、'.join(options) or repr(self.set_time)}")


class Session(Line):
    """One connection."""

    def __init__(self, hall: Hall) -> None:
        self.packets = Frames()
        super().__init__(hall, self.packets)
        self.hall, self.serial = hall, 0
        self.met: set[str] = set()  # transmitters whose clock was set over this connection

    def data_received(self, data: bytes) -> None:
        """Bytes came; whoever sends only garbage is let go."""
        super().data_received(data)
        if self.packets.lost > GARBAGE and not self.transport.is_closing():
            self.count("bad_frame", f"{self.address}: {self.packets.lost} 字节中没有一个报文,连接已关闭")
            self.transport.close()

    def hear(self, said: Any, owed: Owed) -> bool:
        """Judge one packet."""
        source = self.source()
        if isinstance(said, Bad):
            self.count("checksum" if said.checksum else "bad_frame", said.raw.hex())
        elif source is None:
            self.count("unknown_source", self.address)
        elif said.command in (SEND, RESPONSE):
            self.greet(source)
            return self._report(said, source, owed)
        elif said.command == REJECT:
            self.intake.seen(source, "command_failed")
        elif said.command != ACK:
            self.count("protocol", f"{said.source}: 设备不应发送命令 {said.command}")
        self.settle(owed)
        return True

    def _report(self, said: Frame, source: int, owed: Owed) -> bool:
        """Offer what a packet reports; a packet that cannot be read is confirmed too, or it would come for ever."""
        keys = self.intake.source(source).addresses.get(said.source, {})
        try:
            found, refused = rows(said, read(said.app), keys) if said.app else (list[Row](), [])
        except Malformed as wrong:
            found, refused = [], [("bad_frame", f"{said.source}: {wrong}")]
        answer = self._answer(said) if said.command == SEND else b""
        return self.take(source, found, refused, lambda: self._confirmed(said, owed, answer, bool(keys)))

    def _confirmed(self, said: Frame, owed: Owed, answer: bytes, registered: bool) -> None:
        self.settle(owed, answer)
        if self.hall.set_time and registered and said.source not in self.met and not self.transport.is_closing():
            self.met.add(said.source)
            self.serial = self.serial % 0xFFFF + 1
            self.transport.write(self._packet(said, CONTROL, self.serial, clock_setting(stamp(clock.now()))))

    def _answer(self, said: Frame) -> bytes:
        return self._packet(said, ACK, said.serial, b"")

    def _packet(self, said: Frame, command: int, serial: int, app: bytes) -> bytes:
        """A packet back to where `said` came from, in its version."""
        return pack(Frame(serial, said.version, stamp(clock.now()), said.target, said.source, command, app))
