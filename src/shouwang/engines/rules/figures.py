"""The arithmetic of alarm management: what ISA-18.2 counts, from alerts as plain rows. No Django, no clock, no limits.

An alarm counts once, at the moment it was raised (event time at which its delay had run out). The words and numbers of
what counts as a flood, chatter, fleeting or stale come in as `Terms`, from the param `rules.kpi`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

TEN_MIN, HOUR, DAY = 600_000, 3_600_000, 86_400_000
NONE: frozenset[int] = frozenset()


class Row(NamedTuple):
    """An alert as the figures see it; moments in ms since 1970, `level` the highest reached."""

    id: int
    rule: str
    point: int
    top: int
    region: str
    level: str
    raised: int
    recorded: int
    cleared: int | None
    acked: int | None


@dataclass(frozen=True)
class Terms:
    """What the words mean: flood begins above and ends below (alarms in 10 min), chatter, fleeting, stale; in ms."""

    flood_above: int
    flood_below: int
    busy_hour: int
    chatter_times: int
    chatter_ms: int
    fleeting_ms: int
    fleeting_quiet_ms: int
    stale_ms: int


@dataclass(frozen=True)
class Figure:
    """One number and the alerts it counts. None: there was nothing to measure."""

    value: float | None
    ids: frozenset[int] = NONE


@dataclass(frozen=True)
class Flood:
    """A flood: from the period in which it began to the one in which it had ended, ms; its alarms."""

    since: int
    until: int
    ids: frozenset[int]


@dataclass(frozen=True)
class Repeated:
    """A rule on a point and how often it alarmed."""

    rule: str
    point: int
    ids: frozenset[int]
    share: float


@dataclass
class Report:
    """Everything of one selection over one span, since <= t < until in ms."""

    since: int
    until: int
    raised: list[Row]
    figures: dict[str, Figure] = field(default_factory=dict)
    levels: dict[str, Figure] = field(default_factory=dict)  # share of 1 by level
    floods: list[Flood] = field(default_factory=list)
    often: list[Repeated] = field(default_factory=list)

    @property
    def hours(self) -> float:
        """How long the span is."""
        return (self.until - self.since) / HOUR


def report(rows: Sequence[Row], since: int, until: int, terms: Terms, levels: Iterable[str]) -> Report:
    """The figures of these alerts. `rows` may hold older ones: they can still be stale."""
    raised = sorted((r for r in rows if since <= r.raised < until), key=lambda r: (r.raised, r.id))
    out = Report(since, until, raised)
    if until <= since:
        return out
    out.floods, out.often = floods(raised, since, until, terms), often(raised)
    out.levels = {lv: _share([r for r in raised if r.level == lv], len(raised)) for lv in levels}
    out.figures = {**_rates(raised, since, until, terms), **_load(out), **_restless(raised, terms),
                   "stale": stale(rows, since, until, terms), **_answers(raised)}
    return out


def _ids(rows: Iterable[Row]) -> frozenset[int]:
    return frozenset(r.id for r in rows)


def _share(part: Sequence[Row], of: int) -> Figure:
    return Figure(len(part) / of if of else None, _ids(part))


def _rates(raised: Sequence[Row], since: int, until: int, terms: Terms) -> dict[str, Figure]:
    """Averages, the fullest ten minutes, and the shares of hours and of ten minutes that were too full."""
    every, span = _ids(raised), until - since
    tens, hours = _periods(raised, since, TEN_MIN), _periods(raised, since, HOUR)
    peak = max(tens.values(), key=len, default=[])
    full_tens = [p for p in tens.values() if len(p) > terms.flood_above]
    full_hours = [p for p in hours.values() if len(p) > terms.busy_hour]
    return {
        "raised": Figure(len(raised), every),
        "per_day": Figure(len(raised) * DAY / span, every),
        "per_hour": Figure(len(raised) * HOUR / span, every),
        "per_ten": Figure(len(raised) * TEN_MIN / span, every),
        "peak_ten": Figure(len(peak), _ids(peak)),
        "busy_hours": Figure(len(full_hours) / -(-span // HOUR), _ids(r for p in full_hours for r in p)),
        "busy_tens": Figure(len(full_tens) / -(-span // TEN_MIN), _ids(r for p in full_tens for r in p)),
    }


def _periods(raised: Sequence[Row], since: int, length: int) -> dict[int, list[Row]]:
    """The alarms of each period of the span that has any, by its number."""
    out: dict[int, list[Row]] = {}
    for r in raised:
        out.setdefault((r.raised - since) // length, []).append(r)
    return out


def floods(raised: Sequence[Row], since: int, until: int, terms: Terms) -> list[Flood]:
    """Stretches of ten-minute periods: from one with more than `flood_above` to one with fewer than `flood_below`."""
    tens = _periods(raised, since, TEN_MIN)
    out: list[Flood] = []
    first: int | None = None
    last = -(-(until - since) // TEN_MIN)
    for n in sorted({*tens, *(k + 1 for k in tens), last}):
        count = len(tens.get(n, ()))
        if first is None and count > terms.flood_above:
            first = n
        elif first is not None and (count < terms.flood_below or n >= last):
            end = min(since + n * TEN_MIN, until)
            out.append(Flood(since + first * TEN_MIN, end, _ids(r for k in range(first, n) for r in tens.get(k, ()))))
            first = None
    return out


def _load(out: Report) -> dict[str, Figure]:
    """The share of time in flood and the share of the ten most frequent alarms."""
    flooded = sum(f.until - f.since for f in out.floods)
    top = frozenset().union(*(o.ids for o in out.often[:10]))
    return {"flood": Figure(flooded / (out.until - out.since), frozenset().union(*(f.ids for f in out.floods))),
            "top_ten": Figure(len(top) / len(out.raised) if out.raised else None, top)}


def often(raised: Sequence[Row]) -> list[Repeated]:
    """Rules on points, the most frequent first."""
    found: dict[tuple[str, int], list[int]] = {}
    for r in raised:
        found.setdefault((r.rule, r.point), []).append(r.id)
    ranked = sorted(found.items(), key=lambda kv: (-len(kv[1]), kv[0]))
    return [Repeated(rule, point, frozenset(ids), len(ids) / len(raised)) for (rule, point), ids in ranked]


def _restless(raised: Sequence[Row], terms: Terms) -> dict[str, Figure]:
    """How many (rule, point) chatter, and how many alarms were fleeting."""
    chatter: set[int] = set()
    fleeting: set[int] = set()
    own: dict[tuple[str, int], list[Row]] = {}
    for r in raised:
        own.setdefault((r.rule, r.point), []).append(r)
    restless = 0
    for rows in own.values():
        found = _chattering(rows, terms)
        restless += bool(found)
        chatter |= found
        fleeting |= _fleeting(rows, terms)
    return {"chattering": Figure(restless, frozenset(chatter)), "fleeting": Figure(len(fleeting), frozenset(fleeting))}


def _chattering(rows: Sequence[Row], terms: Terms) -> set[int]:
    """Alarms of one rule and point that are among so many within so long (first and last that far apart count)."""
    k = terms.chatter_times
    found: set[int] = set()
    for n in range(len(rows) - k + 1):
        if rows[n + k - 1].raised - rows[n].raised <= terms.chatter_ms:
            found |= {r.id for r in rows[n:n + k]}
    return found


def _fleeting(rows: Sequence[Row], terms: Terms) -> set[int]:
    """Alarms that were over at once and did not come back within the quiet time."""
    alone = [a for a, b in pairwise(rows) if a.cleared is not None and b.raised - a.cleared > terms.fleeting_quiet_ms]
    return {r.id for r in (*alone, *rows[-1:]) if r.cleared is not None and r.cleared - r.raised < terms.fleeting_ms}


def stale(rows: Sequence[Row], since: int, until: int, terms: Terms) -> Figure:
    """The most alarms that stood longer than `stale_ms` at one look; looks are a day apart, the last at the end."""
    worst: frozenset[int] | None = None
    lasting = [r for r in rows if r.cleared is None or r.cleared - r.raised > terms.stale_ms]
    for at in range(until, since, -DAY):
        here = _ids(r for r in lasting if at - r.raised > terms.stale_ms and (r.cleared is None or r.cleared > at))
        worst = here if worst is None or len(here) > len(worst) else worst
    return Figure(len(worst or NONE), worst or NONE)


def _answers(raised: Sequence[Row]) -> dict[str, Figure]:
    """How long until somebody acknowledged (s, from our knowing of it), and the share nobody did."""
    known = [r for r in raised if r.acked is not None]
    waits = sorted(max(0, (r.acked or 0) - r.recorded) / 1000 for r in known)
    ninth = waits[max(0, -(-len(waits) * 9 // 10) - 1)] if waits else None
    return {"ack_median": Figure(median(waits) if waits else None, _ids(known)), "ack_p90": Figure(ninth, _ids(known)),
            "unacknowledged": _share([r for r in raised if r.acked is None], len(raised))}


def per_period(out: Report, length: int) -> list[tuple[int, dict[str, int]]]:
    """(beginning ms, alarms by level) of every period of the span, empty ones too."""
    found = _periods(out.raised, out.since, length)
    return [(out.since + n * length, dict(Counter(r.level for r in found.get(n, ()))))
            for n in range(-(-(out.until - out.since) // length))]


def verdict(value: float | None, target: dict[str, Any]) -> str:
    """good, manageable or over; empty where nothing was measured or nothing is asked.

    target: `good` (at most), `most` (at most, still manageable), `under` (less than), `least` (at least).
    """
    if value is None or not set(target) & {"good", "under", "least"}:
        return ""
    fine = ("good" not in target or value <= target["good"], "under" not in target or value < target["under"],
            "least" not in target or value >= target["least"])
    if all(fine):
        return "good"
    return "manageable" if "most" in target and value <= target["most"] else "over"
