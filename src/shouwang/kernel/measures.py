"""Numbers an engine can give about a subject. Engines register them; scores and reports read them.

None means there was nothing to measure, which is not the same as zero.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

Measure = Callable[..., float | None]
_measures: dict[str, Measure] = {}


def measure(name: str) -> Callable[[Measure], Measure]:
    """Register fn(subject=…, since=…, **where) → number or None."""

    def register(fn: Measure) -> Measure:
        _measures[name] = fn
        return fn

    return register


def read(name: str, *, subject: int, since: datetime, **where: Any) -> float | None:
    """The measure's value for one subject since a moment."""
    return _measures[name](subject=subject, since=since, **where)


def names() -> list[str]:
    """Every registered measure."""
    return sorted(_measures)
