"""A binary floating-point number as the shortest decimal text that means it."""

import math

import numpy as np

from .rows import Figure


def figure(value: float, single: bool = False) -> Figure | None:
    """A double (or, `single`, a 32-bit float: 0.1 and not 0.10000000149011612); NaN is no data."""
    if math.isnan(value):
        return None
    return Figure(str(np.float32(value)) if single else repr(float(value)))
