"""Which drivers run besides MQTT and HTTP: `drivers.yaml` of the data folder, opened in the ingest process.

    - driver: jt808            # a folder of shouwang.drivers with `serve`
      source: 两客一危平台      # the registered source its readings belong to
      host: 0.0.0.0            # 127.0.0.1 unless told
      port: 6808
      options: {}              # what this driver alone knows; see its page in docs/drivers/
"""

import asyncio
import importlib
import logging
import pkgutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from shouwang.engines.telemetry.seam import Closable, Intake
from shouwang.kernel.errors import BadInput, ShouwangError
from shouwang.kernel.yaml_files import read_yaml

from .limits import DEFAULT, Limits

log = logging.getLogger(__name__)
FILE = "drivers.yaml"
RETRY_S = 30.0  # [D] seconds until a driver that could not open is tried again
ALSO = {"mqtt-thingsboard": "mqtt", "thingsboard": "mqtt", "sparkplugb": "sparkplug", "jtt808": "jt808",
        "coalmine-safety": "coalmine", "coalmine-positioning": "coalmine"}  # other names of a protocol


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One configured driver."""

    driver: str
    source: str
    host: str = "127.0.0.1"
    port: int = 0
    options: dict[str, Any] = {}


Serve = Callable[[Intake, Setting, Limits], Awaitable[Closable]]


def protocols() -> list[str]:
    """The protocols that can be decoded: folders of this package with a `decode` module."""
    here = Path(__file__).parent
    return sorted(m.name for m in pkgutil.iter_modules([str(here)]) if (here / m.name / "decode.py").exists())


def decoder(protocol: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The `decode` function of a protocol: one item of a vector file → what it says, in the vectors' words."""
    protocol = ALSO.get(protocol, protocol)
    if protocol not in protocols():
        raise BadInput(f"没有协议 {protocol!r},可用:{'、'.join(protocols())}")
    found: Callable[[dict[str, Any]], dict[str, Any]] = _module(f"{protocol}.decode").decode
    return found


def read(data: Path) -> list[Setting]:
    """The configured drivers; none when there is no file. What is wrong is named with the entry and the remedy."""
    path = data / FILE
    if not path.exists():
        return []
    try:
        settings = msgspec.convert(read_yaml(path) or [], list[Setting])
    except msgspec.ValidationError as wrong:
        raise BadInput(f"{path}: {wrong};每项应有 driver、source,可有 host、port、options") from None
    for n, one in enumerate(settings, 1):
        if not hasattr(_folder(one.driver, path, n), "serve"):
            raise BadInput(f"{path} 第 {n} 项:驱动 {one.driver!r} 不能在此配置")
    return settings


def opener(setting: Setting, limits: Limits = DEFAULT) -> Callable[[Intake], Awaitable[Closable]]:
    """What opens this driver on an intake. One that cannot open hinders no other: it is told and tried again."""
    serve: Serve = _module(setting.driver).serve

    async def open_it(intake: Intake) -> Closable:
        try:
            return await serve(intake, setting, limits)
        except (ShouwangError, OSError) as wrong:
            _tell(intake, setting, wrong)
            return Retrying(intake, setting, limits, serve)

    return open_it


def _tell(intake: Intake, setting: Setting, wrong: Exception) -> None:
    log.error("驱动 %s(来源 %s)没有启动:%s", setting.driver, setting.source, wrong)
    intake.refuse(setting.source, "not_started", f"{setting.driver} {setting.host}:{setting.port} {wrong}")


class Retrying:
    """A driver whose port or folder was not to be had; it is asked for again every half minute."""

    def __init__(self, intake: Intake, setting: Setting, limits: Limits, serve: Serve) -> None:
        self.driver: Closable | None = None
        self.task = asyncio.create_task(self._again(intake, setting, limits, serve), name=f"open {setting.driver}")

    async def _again(self, intake: Intake, setting: Setting, limits: Limits, serve: Serve) -> None:
        while self.driver is None:
            await asyncio.sleep(RETRY_S)
            try:
                self.driver = await serve(intake, setting, limits)
            except (ShouwangError, OSError) as wrong:
                _tell(intake, setting, wrong)

    async def close(self) -> None:
        """Stop trying, and stop what was opened."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        if self.driver is not None:
            await self.driver.close()


def find(intake: Intake, name: str) -> int | None:
    """The index of the source of this name in the plan in force; None while it is not registered."""
    return next((i for i, one in enumerate(intake.plan.sources) if one.name == name), None)


def _folder(name: str, path: Path, n: int) -> ModuleType:
    try:
        return _module(name)
    except ModuleNotFoundError:
        raise BadInput(f"{path} 第 {n} 项:没有驱动 {name!r}") from None


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__package__}.{name}")
