"""Public alerts: CAP 1.0, 1.1 and 1.2 (OASIS), alone, in EDXL-DE or in Atom and RSS feeds."""

from shouwang.engines.telemetry.seam import Closable, Intake

from ..configured import Setting
from ..folder import Folder
from ..limits import Limits
from .inbox import Inbox


async def serve(intake: Intake, setting: Setting, limits: Limits) -> Closable:
    """Watch `options.folder` for alerts."""
    return Folder(intake, setting, limits, Inbox(setting.options))
