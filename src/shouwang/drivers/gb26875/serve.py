"""GB/T 26875.3 over TCP: the centre listens, transmitters connect."""

from shouwang.engines.telemetry.seam import Intake

from ..configured import Setting
from ..limits import DEFAULT, Limits
from ..line import Door, listen
from .session import Hall, Session


async def serve(intake: Intake, setting: Setting, limits: Limits = DEFAULT) -> Door:
    """Open the configured port."""
    hall = Hall(intake, setting, limits)
    return await listen(hall, lambda: Session(hall))
