"""The decimal text of a float32: what a device meant, not what a float64 makes of it."""

import struct


def shortest(value: float) -> str:
    """The shortest decimal that is this (finite) float32: 1.05 and not 1.0499999523."""
    single = struct.pack("<f", value)
    return next(text for digits in range(6, 10) if _single(text := f"{value:.{digits}g}") == single)


def _single(text: str) -> bytes | None:
    try:
        return struct.pack("<f", float(text))
    except OverflowError:  # the largest float32, shortened, rounds up beyond itself
        return None
