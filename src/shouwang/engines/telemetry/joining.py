"""What many messages offered, as one batch; a reading that cannot be is refused alone. No Django here."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .plan import Plan
from .seam import EARLIEST_MS, FUTURE_MS, Batch, Column, Readings

Refuse = Callable[[int, str, str, int], None]  # source index, reason, excerpt, count


@dataclass(slots=True)
class Offer:
    """One message waiting for the tick."""

    source: int
    readings: Readings
    done: Callable[[], None]


def join(offers: list[Offer], plan: Plan, now_ms: int, refuse: Refuse) -> Batch:
    """All offers in arrival order; readings that no plan row or no clock can carry are refused."""
    try:
        return _checked(offers, _columns(offers), plan, now_ms, refuse)
    except (OverflowError, ValueError, TypeError):
        sound = [o for o in offers if _sound(o, refuse)]
        return _checked(sound, _columns(sound), plan, now_ms, refuse)


def _columns(offers: list[Offer]) -> Batch:
    parts = [o.readings for o in offers]
    point = _column([r.point for r in parts], np.uint32)
    t, v = _column([r.t for r in parts], np.int64), _column([r.v for r in parts], np.int32)
    q = _column([r.q for r in parts], np.uint8)
    if not len(point) == len(t) == len(v) == len(q):
        raise ValueError("columns of unequal length")
    return Batch(point, t, v, q, point)


def _column(parts: list[Column], kind: type[np.generic]) -> NDArray[Any]:
    """Columns of many messages as one; out of range is an OverflowError or ValueError."""
    if all(type(p) is list for p in parts):
        return np.array(list(chain.from_iterable(parts)), kind)
    return np.concatenate([np.asarray(p, kind) for p in parts]) if parts else np.empty(0, kind)


def _sound(offer: Offer, refuse: Refuse) -> bool:
    try:
        _columns([offer])
    except (OverflowError, ValueError, TypeError) as wrong:
        refuse(offer.source, "internal", str(wrong), len(offer.readings.t))
        return False
    return True


def _checked(offers: list[Offer], batch: Batch, plan: Plan, now_ms: int, refuse: Refuse) -> Batch:
    sane = (batch.point < len(plan.points)) & (batch.t >= EARLIEST_MS) & (batch.t <= now_ms + FUTURE_MS)
    if not sane.all():
        first = int(np.argmin(sane))
        ends = np.cumsum([len(o.readings.t) for o in offers])
        blamed = offers[int(np.searchsorted(ends, first, "right"))].source
        refuse(blamed, "future" if batch.t[first] > now_ms else "past",
               f"点位序号 {batch.point[first]},时间 {batch.t[first]}", int((~sane).sum()))
        batch = Batch(batch.point[sane], batch.t[sane], batch.v[sane], batch.q[sane], batch.point[sane])
    batch.source = plan.points["source"][batch.point]
    return batch
