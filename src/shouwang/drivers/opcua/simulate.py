"""A server with two variables, Tank.Level and Tank.Pressure.

    python -m shouwang.drivers.opcua.simulate --port 4840
"""

import argparse
import asyncio

from asyncua import ua
from asyncua.common.node import Node
from asyncua.server.server import Server

URI = "urn:shouwang:simulate"


class Tank:
    """The running server."""

    def __init__(self, port: int) -> None:
        self.server, self.port = Server(), port
        self.nodes: dict[str, Node] = {}

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"opc.tcp://127.0.0.1:{self.port}/tank"

    async def start(self) -> None:
        """Listen; the variables are `ns=2;s=Tank.Level` (Double) and `ns=2;s=Tank.Pressure` (Float)."""
        await self.server.init()
        self.server.set_endpoint(self.url)
        self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        space = await self.server.register_namespace(URI)
        for name, kind in (("Level", ua.VariantType.Double), ("Pressure", ua.VariantType.Float)):
            self.nodes[name] = await self.server.nodes.objects.add_variable(
                ua.NodeId.from_string(f"ns={space};s=Tank.{name}"), name, 0.0, kind)
        await self.server.start()

    async def say(self, name: str, told: ua.DataValue) -> None:
        """A value with its status and times."""
        await self.nodes[name].write_value(told)

    async def stop(self) -> None:
        """Go."""
        await self.server.stop()


async def main() -> None:
    """A slow ramp until interrupted."""
    ask = argparse.ArgumentParser(description="OPC UA 服务器模拟")
    ask.add_argument("--port", type=int, default=4840)
    tank = Tank(ask.parse_args().port)
    await tank.start()
    try:
        for n in range(1_000_000):
            await tank.nodes["Level"].write_value(n % 100 / 2)
            await asyncio.sleep(1)
    finally:
        await tank.stop()


if __name__ == "__main__":
    asyncio.run(main())
