"""JT/T 808: vehicle terminals, with active safety (T/JSATL12) and its attachments."""

from shouwang.engines.telemetry.seam import Intake

from ..configured import Setting
from ..limits import Limits
from .serve import Endpoint, open_endpoint


async def serve(intake: Intake, setting: Setting, limits: Limits) -> Endpoint:
    """Open the endpoint of one entry of drivers.yaml."""
    return await open_endpoint(intake, setting, limits)
