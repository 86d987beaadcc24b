"""By when: a fixed span, or a dated param looked up where the matter lies and on the day it is asked."""

from datetime import datetime, timedelta
from typing import Any

from shouwang.kernel import clock, params
from shouwang.kernel.errors import ContentError

from .spec import State, Within


def span_of(within: Within, level: str, region: str) -> timedelta:
    """The deadline as a duration for a warning level in a region; no value for the level is a ContentError."""
    if within.span:
        return clock.span(within.span)
    found = params.lookup(within.param, clock.today(), params.of_region(region))
    return clock.span(_cell(found.value, level, f"参数 {within.param}({found.locality} {found.since})"))


def _cell(value: Any, level: str, where: str) -> str:
    """A plain value serves every level; a table must have the level's row (`any` serves the rest)."""
    if not isinstance(value, dict):
        return str(value)
    cell = value.get(level, value.get("any"))
    if cell is None:
        raise ContentError(f"{where} 没有等级 {level or '(无)'} 的时限;请补上这一级,或写 any")
    return str(cell)


def due(state: State, since: datetime, level: str, region: str) -> datetime | None:
    """When the state must be left, or None where it has no deadline."""
    return since + span_of(state.within, level, region) if state.within else None


def next_rung(state: State, rung: int, since: datetime, level: str, region: str) -> datetime | None:
    """When the ladder's next step is due after `rung` steps, or None at its top."""
    if rung >= len(state.ladder):
        return None
    return since + span_of(state.ladder[rung].after, level, region)
