"""Coal mines: safety monitoring and personnel positioning as text files in a folder (MT/T 1201-2023, 42号文)."""

from shouwang.engines.telemetry.seam import Closable, Intake

from ..configured import Setting
from ..folder import Folder, path_of
from ..limits import Limits
from . import dialect
from .inbox import Inbox


async def serve(intake: Intake, setting: Setting, limits: Limits) -> Closable:
    """Watch `options.folder` for the files of the source's mines."""
    reader = Inbox(path_of(setting), dialect.read(setting.options), setting.options)
    return Folder(intake, setting, limits, reader)
