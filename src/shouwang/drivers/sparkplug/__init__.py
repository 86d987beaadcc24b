"""Sparkplug B 3.0 over a broker: we are a host application that subscribes, asks for rebirths and watches deaths."""

import asyncio

from shouwang.engines.telemetry.seam import Intake

from ..configured import Setting
from ..limits import Limits
from .session import Host, options


class Following:
    """A running host application."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._task = asyncio.create_task(host.run(), name=f"sparkplug {host.broker.host}")

    async def close(self) -> None:
        """Leave the broker."""
        self.host.leave()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def serve(intake: Intake, setting: Setting, limits: Limits) -> Following:
    """Follow the broker at the setting's host and port (1883, with TLS 8883, unless told)."""
    return Following(Host(intake, setting, options(setting), limits))
