"""The client of one server or gateway: asks every unit for its registers, again and again. Writes nothing, ever."""

import asyncio
import logging

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerType
from pymodbus.pdu import ModbusPDU

from shouwang.engines.telemetry.seam import Intake
from shouwang.kernel import clock

from .. import configured
from ..configured import Setting
from ..end import end
from ..limits import Limits
from ..rows import Row
from ..take import take_rows
from .options import Device, Options, read
from .values import MISSING, Block, blocks

log = logging.getLogger(__name__)
RETRY = 0.1  # seconds until a full intake is asked again
LOOK = 1.0  # seconds between looks for a source that is not in the plan yet
FRAMERS = {"tcp": FramerType.SOCKET, "rtu": FramerType.RTU, "ascii": FramerType.ASCII}
FUNCTIONS = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
ILLEGAL_ADDRESS = 2  # V1.1b3 §7


class NoAnswer(Exception):
    """Nothing came, or something that is no answer to what was asked."""


class Refused(Exception):
    """The device answered with an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"异常码 {code}")
        self.code = code


class Poller:
    """A running client."""

    def __init__(self, intake: Intake, name: str, options: Options, limits: Limits) -> None:
        self.intake, self.name, self.options, self.limits = intake, name, options, limits
        self.blocks = {device.name: blocks(device.registers, options.gap) for device in options.devices}
        self.missing: set[tuple[str, str]] = set()  # (device, key) known to have no data
        self.refused: list[tuple[str, str]] = []
        self.connected = self.answered = False  # any unit, in the last round and in this one
        self.client = AsyncModbusTcpClient(
            options.host, port=options.port, framer=FRAMERS[options.framing], timeout=options.timeout,
            retries=0, reconnect_delay=0)  # repeating is ours: see _block
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop asking."""
        await end(self._task)
        self.client.close()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            await self._wait_for_source()
            await self._round()
            await asyncio.sleep(max(0.0, begun + self.options.every - loop.time()))

    async def _round(self) -> None:
        self.answered = False
        for device in self.options.devices:
            try:
                await self._device(device)
            except Exception:  # a fault of ours costs this device this round
                log.exception("轮询 %s 的 %s 时出错", self.name, device.name)
                self.intake.refuse(self.name, "internal", device.name)
        self._seen(self.answered)

    async def _wait_for_source(self) -> None:
        told = False
        while configured.find(self.intake, self.name) is None:
            if not told:
                log.warning("Modbus 的来源 %s 还没有登记,登记后才开始轮询", self.name)
                told = True
            await asyncio.sleep(LOOK)

    async def _device(self, device: Device) -> None:
        """One round of a unit. What was asked and not got is told once as no data, until it comes again."""
        rows: list[Row] = []
        self.refused = []
        try:
            for block in list(self.blocks[device.name]):
                await self._asked(device, block, rows)
        except NoAnswer as e:
            self.refused.append(("no_answer", f"{device.name}: {e}"))
        got = {key for row in rows for key in row.values}
        gone = {(device.name, r.key) for r in device.registers if r.key not in got}
        if new := gone - self.missing:
            rows.append(Row(device.name, clock.now_ms(), {key: dict(MISSING) for _, key in sorted(new)}))
        self.missing = {pair for pair in self.missing if pair[0] != device.name} | gone
        await self._offer(rows)

    async def _asked(self, device: Device, block: Block, rows: list[Row]) -> None:
        """The row of a block. Where one register hides the others, each is asked for by itself from now on."""
        try:
            words = await self._block(device, block)
        except Refused as e:
            what = f"{device.name}: {block.table} {block.address}+{block.size}: {e}"
            if e.code == ILLEGAL_ADDRESS and len(block.registers) > 1:
                log.warning("来源 %s 的 %s,改为逐个读取", self.name, what)
                at = self.blocks[device.name].index(block)
                self.blocks[device.name][at:at + 1] = block.apart()
                for one in block.apart():
                    await self._asked(device, one, rows)
                return
            self.refused.append(("exception", what))
            return
        rows.append(Row(device.name, clock.now_ms(), block.values(words)))

    async def _block(self, device: Device, block: Block) -> list[int]:
        """The registers or bits of a block.

        After silence the connection is closed before asking again: RTU and ASCII have no transaction number, so a late
        answer would be taken for the next question's.
        """
        for left in range(self.options.retries, -1, -1):
            try:
                return await self._once(device.unit, block)
            except NoAnswer:
                self.client.close()
                if not left:
                    raise
        raise AssertionError

    async def _once(self, unit: int, block: Block) -> list[int]:
        try:
            if not self.client.connected and not await self.client.connect():
                raise NoAnswer(f"连接 {self.options.host}:{self.options.port} 失败")
            answer = await self._request(unit, block)
        except (ModbusException, OSError) as e:
            raise NoAnswer(f"{block.table} {block.address}+{block.size} 没有应答({type(e).__name__})") from None
        self.answered = True
        if answer.isError():
            raise Refused(answer.exception_code)
        words = list(map(int, answer.bits if block.registers[0].is_bit else answer.registers))
        if answer.function_code != FUNCTIONS[block.table] or len(words) != block.answered:
            raise NoAnswer(f"{block.table} {block.address}+{block.size} 的应答与所问不符")
        return words

    async def _request(self, unit: int, block: Block) -> ModbusPDU:
        ask = {"holding": self.client.read_holding_registers, "input": self.client.read_input_registers,
               "coil": self.client.read_coils, "discrete": self.client.read_discrete_inputs}[block.table]
        answer: ModbusPDU = await ask(block.address, count=block.size, device_id=unit)
        return answer

    async def _offer(self, rows: list[Row]) -> None:
        """To the intake, and no further question before that is on disk."""
        durable = asyncio.get_running_loop().create_future()

        def done() -> None:
            if not durable.done():
                durable.set_result(None)

        while (source := configured.find(self.intake, self.name)) is not None:
            parcel = take_rows(self.intake, source, rows, clock.now_ms(), self.limits, done, self.refused)
            if not parcel.busy:
                await durable
                return
            await asyncio.sleep(RETRY)

    def _seen(self, connected: bool) -> None:
        if connected == self.connected:
            return
        self.connected = connected
        if (source := configured.find(self.intake, self.name)) is not None:
            self.intake.seen(source, "connected" if connected else "disconnected")


async def serve(intake: Intake, setting: Setting, limits: Limits) -> Poller:
    """Poll the server that `setting.options` names."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # silence is counted here, not logged at every round
    return Poller(intake, setting.source, read(setting.options, setting.source), limits)
