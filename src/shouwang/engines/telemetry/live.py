"""Live values and ingest health for pages: never raises when the ingest process is down. No Django here.

The data folder is SHOUWANG_DATA, as everywhere.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from . import control
from .plan import data_folder


class Live(NamedTuple):
    """The newest reading of a point: event time (ms), value in the point's unit (None: no data), quality word."""

    t: int
    value: float | None
    quality: str


@cache
def _client(path: Path) -> control.Client:
    return control.Client(path)


def _ask(name: str, *args: Any) -> Any:
    return _client(control.path_of(data_folder())).call(name, *args, wait=2.0)


def latest(points: Iterable[int]) -> dict[int, Live | None]:
    """Newest reading by point id; None for a point never heard, and for all when the ingest process is down."""
    wanted = list(points)
    if not wanted:
        return {}
    try:
        told = _ask("latest", wanted)
    except (control.IngestDown, control.Failed):
        return dict.fromkeys(wanted)
    return {i: Live(*told[i]) if i in told else None for i in wanted}


def health() -> dict[str, Any]:
    """What `health.health` tells; when the process is down only {"running": False, "problem": …}."""
    try:
        told: dict[str, Any] = _ask("health")
    except (control.IngestDown, control.Failed) as wrong:
        return {"running": False, "problem": control.DOWN, "detail": str(wrong), "sources": [], "refusals": [],
                "refused": {}, "problems": {}}
    return told


def flush() -> bool:
    """Everything offered so far is durable and journalled; False when the process is down."""
    try:
        _ask("flush")
    except (control.IngestDown, control.Failed):
        return False
    return True
