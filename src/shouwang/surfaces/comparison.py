"""A back-test as people read it: what is in force, what is tried and what really was, side by side."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from shouwang.engines.notify.models import Post
from shouwang.engines.rules import figures, kpis
from shouwang.engines.rules.backtest import Tested
from shouwang.engines.rules.figures import Report
from shouwang.kernel import content, params

SIDES = {"now": "现行(回放)", "tried": "试行(回放)", "real": "实际记录"}
ROWS = ("raised", "per_day", "peak_ten", "flood_minutes", "chattering", "fleeting", "stale")
WORDS = {"flood_minutes": "洪泛分钟数"}
MOST_POINTS = 20


@dataclass(frozen=True)
class Line:
    """One figure of all sides, in the order of SIDES; None: nothing to measure."""

    key: str
    title: str
    values: list[float | None]


@dataclass(frozen=True)
class Desk:
    """Alarms a day at one duty post, and whether that is more than the standard finds manageable."""

    name: str
    now: float
    tried: float
    verdict: str


def lines(tested: Tested) -> list[Line]:
    """The figures that a change is weighed by, then the alarms of each level."""
    out = [Line(k, _(WORDS.get(k, "") or kpis.TITLES[k]), [figure(tested.reports[s], k) for s in SIDES]) for k in ROWS]
    for level in sorted(content.every("levels"), key=lambda lv: lv.rank):
        values: list[float | None] = [float(len(tested.reports[s].levels[level.id].ids)) for s in SIDES]
        out.append(Line(level.id, level.title, values))
    return out


def figure(report: Report, key: str) -> float | None:
    """A figure of a report; minutes in flood from its share of the time."""
    if key == "flood_minutes":
        return sum(f.until - f.since for f in report.floods) / 60_000
    return report.figures[key].value if key in report.figures else None


def desks(tested: Tested, posts: Any = None) -> list[Desk]:
    """Alarms per post and day, the busiest first; posts without any are left out."""
    days = tested.reports["now"].hours / 24
    targets = params.value(kpis.TARGETS, tested.span.until.date())
    out = []
    for post in Post.objects.all() if posts is None else posts:
        now, tried = (sum(_of(post, r) for r in tested.reports[s].raised) / days for s in ("now", "tried"))
        if now or tried:
            out.append(Desk(post.name, now, tried, figures.verdict(tried, targets["per_day"])))
    return sorted(out, key=lambda d: -d.tried)


def _of(post: Post, row: figures.Row) -> bool:
    return row.top == post.subject if post.subject is not None else row.region.startswith(post.region)


def told(tested: Tested, posts: Any = None) -> dict[str, Any]:
    """Everything as plain data."""
    return {
        "since": tested.span.since.isoformat(), "until": tested.span.until.isoformat(), "rules": tested.rules,
        "points": tested.points, "unheard": tested.unheard, "readings": tested.readings,
        "figures": {ln.key: dict(zip(SIDES, ln.values, strict=True)) for ln in lines(tested)},
        "per_post_per_day": [{"post": d.name, "now": round(d.now, 3), "tried": round(d.tried, 3), "verdict": d.verdict}
                             for d in desks(tested, posts)],
        "often": [{"rule": o.rule, "point": o.point, "times": len(o.ids)}
                  for o in tested.reports["tried"].often[:MOST_POINTS]],
        "unjudged": tested.unjudged}
