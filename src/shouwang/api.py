"""Everything a scene's hooks.py may import. Nothing else is promised."""

from shouwang.kernel.events import action
from shouwang.kernel.measures import measure

__all__ = ["action", "measure"]
