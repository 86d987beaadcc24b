"""OPC UA (IEC 62541) as a client with subscriptions; needs the extra `shouwang[opcua]`, imported when it is used."""

import importlib

from shouwang.engines.telemetry.seam import Closable, Intake
from shouwang.kernel.errors import BadInput

from ..configured import Setting
from ..limits import Limits


async def serve(intake: Intake, setting: Setting, limits: Limits) -> Closable:
    """Follow the configured nodes of a server."""
    try:
        session = importlib.import_module(".session", __package__)
    except ModuleNotFoundError as missing:
        raise BadInput(f"opcua 驱动缺少 {missing.name};请安装:pip install 'shouwang[opcua]'") from None
    following: Closable = session.Following(intake, setting, limits)
    return following
