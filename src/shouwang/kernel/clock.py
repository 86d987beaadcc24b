"""The only place that asks what time it is. Tests and drills freeze it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Asia/Shanghai")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_frozen: datetime | None = None


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _frozen or datetime.now(UTC)


def now_ms() -> int:
    """The present moment in milliseconds since 1970, as readings carry it."""
    return int(now().timestamp() * 1000)


def today() -> date:
    """The calendar day in China: law and limits change at local midnight."""
    return now().astimezone(LOCAL).date()


def from_ms(ms: int) -> datetime:
    """Milliseconds since 1970 as an aware moment in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Freeze the clock for a test, a drill or a replay."""
    global _frozen
    before, _frozen = _frozen, moment
    try:
        yield
    finally:
        _frozen = before


def advance(delta: timedelta) -> None:
    """Move a frozen clock on; refused when the clock is running."""
    global _frozen
    if _frozen is None:
        raise RuntimeError("时钟没有冻结,不能拨动;请先用 clock.at(...)")
    _frozen += delta


def span(text: str) -> timedelta:
    """'30s', '15m', '2h' or '90d' as a duration; anything else is a ValueError."""
    found = re.fullmatch(r"(\d+)([smhd])", text)
    if not found:
        raise ValueError(f"时长写法应如 30s、15m、2h、90d,而不是 {text!r}")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
