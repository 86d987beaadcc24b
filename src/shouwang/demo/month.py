"""The month before the demo began: curves, warnings, who handled them and how long it took."""

import gc
from typing import Any

from shouwang.engines.subjects import regions
from shouwang.kernel import clock

from . import diary, instruments, past


def fill(city_code: str, warnings: int = 300, seed: int = 1) -> dict[str, Any]:
    """Give a seeded city its past; returns counts. Not idempotent: once, right after the seed."""
    region = regions.normalise(city_code)
    now = clock.now()
    told = past.generate(instruments.load(region), int(now.timestamp() * 1000), warnings=warnings, seed=seed)
    gc.collect()
    gc.freeze()  # what lives already need not be walked again in thousands of small transactions
    return {"readings": told.readings, **diary.tally(diary.live(told.transitions, now, region, seed))}
