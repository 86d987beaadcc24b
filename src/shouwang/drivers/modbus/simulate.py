"""A Modbus server of pymodbus over a real socket: `python -m shouwang.drivers.modbus.simulate --port 5020`."""

import argparse
import asyncio
import math
import struct
import sys
from typing import cast

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

HOLDING = 3
FRAMERS = {"tcp": FramerType.SOCKET, "rtu": FramerType.RTU, "ascii": FramerType.ASCII}


class Device:
    """One unit: 200 holding registers and 32 coils from address 0; further addresses answer exception 2."""

    def __init__(self, unit: int) -> None:
        self.unit = unit
        self.holding = [0] * 200
        self.coils = [False] * 32
        self.exception: ExcCodes | None = None  # answered to everything
        self.hidden: set[int] = set()  # holding registers that are illegal addresses

    def set(self, address: int, form: str, value: float) -> None:
        """Write a number as struct's `form` has it, high word first."""
        octets = struct.pack(f">{form}", value)
        words = struct.unpack(f">{len(octets) // 2}H", octets)
        self.holding[address:address + len(words)] = words

    def sim(self) -> SimDevice:
        """As pymodbus wants it."""
        bits, words = [False] * len(self.coils), [0] * len(self.holding)
        coils = [SimData(0, values=bits, datatype=DataType.BITS)]
        registers = [SimData(0, values=words, datatype=DataType.REGISTERS)]
        return SimDevice(self.unit, simdata=(coils, coils, registers, registers), action=self._answer)

    async def _answer(self, function: int, _start: int, address: int, count: int, now: list[int],
                      _new: list[int] | list[bool] | None) -> ExcCodes | None:
        if self.exception is not None:
            return self.exception
        if function < HOLDING:  # pymodbus keeps 16 bits in a register, the lowest first
            now[:] = [sum(bit << n for n, bit in enumerate(self.coils[at:at + 16]))
                      for at in range(0, len(self.coils), 16)]
        elif self.hidden & set(range(address, address + count)):
            return ExcCodes.ILLEGAL_ADDRESS
        else:
            now[:] = self.holding
        return None


class Server:
    """Several units behind one listener. `mute` swallows every answer (a server that hangs), `silent` those of units.

    Units fall silent in TCP and RTU framing.
    """

    def __init__(self, *devices: Device, framing: str = "tcp", host: str = "127.0.0.1", port: int = 0) -> None:
        self.devices, self.mute, self.requests = devices, False, 0
        self.silent: set[int] = set()
        self._unit_at = 6 if framing == "tcp" else 0  # where a frame names its unit
        self.server = ModbusTcpServer([device.sim() for device in devices], framer=FRAMERS[framing],
                                      address=(host, port), ignore_missing_devices=True, trace_packet=self._packet)

    def _packet(self, sending: bool, octets: bytes) -> bytes:
        self.requests += not sending
        hushed = self.mute or (octets[self._unit_at] in self.silent if octets else False)
        return b"" if sending and hushed else octets

    async def listen(self) -> "Server":
        """Open the listener."""
        await self.server.serve_forever(background=True)
        listener = cast(asyncio.Server, self.server.transport)
        self.port = int(listener.sockets[0].getsockname()[1])
        return self

    async def close(self) -> None:
        """Stop."""
        await self.server.shutdown()  # type: ignore[no-untyped-call]


async def _run(args: argparse.Namespace) -> None:
    device = Device(args.unit)
    server = await Server(device, framing=args.framing, host=args.host, port=args.port).listen()
    sys.stdout.write(f"Modbus 设备 {args.unit} 在 {args.host}:{server.port}\n")
    sys.stdout.flush()
    n = 0
    while True:
        for k in range(args.points):
            device.set(2 * k, "f", 20.0 + 5 * math.sin((n + k) / 10))
        n += 1
        await asyncio.sleep(args.every)


def main() -> None:
    """Run until interrupted."""
    parser = argparse.ArgumentParser(description="Modbus 设备模拟器")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5020)
    parser.add_argument("--framing", choices=sorted(FRAMERS), default="tcp")
    parser.add_argument("--unit", type=int, default=1)
    parser.add_argument("--points", type=int, default=5, help="float32 个数,保持寄存器从 0 起每个占两个")
    parser.add_argument("--every", type=float, default=1.0, help="每隔多少秒变化一次")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
