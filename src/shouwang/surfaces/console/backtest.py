"""Back-test on a page: a limit or a rule tried on the history within one's reach, beside the one in force."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from shouwang.engines.rules import backtest, change, kpis
from shouwang.engines.rules.backtest import Tested
from shouwang.engines.subjects.models import Point
from shouwang.kernel import access, clock, content, params
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput, ContentError
from shouwang.surfaces import comparison, performance

from .account import who
from .templatetags.shouwang import english, number, titled

MOST = 6_000_000  # readings replayed while somebody waits for a page
LONGEST = 4000  # characters of a change
SPANS = {"1": "1 天", "7": "7 天", "30": "30 天"}
OFTEN, DESKS = 10, 30


@guarded("params.propose")
def index(request: HttpRequest) -> HttpResponse:
    """The form, and what came out when something was asked; nothing is written."""
    account = who(request)
    asked = {n: request.GET.get(n, "").strip() for n in ("param", "value", "text", "days", "region")}
    asked["days"] = asked["days"] if asked["days"] in SPANS else "7"
    asked["region"] = asked["region"] or access.home_region(account)
    context: dict[str, Any] = {"asked": asked, "choices": choices(), "spans": [(k, _(v)) for k, v in SPANS.items()]}
    if asked["text"] or asked["param"]:
        try:
            context |= _result(account, _tested(account, asked))
        except (BadInput, ContentError) as wrong:
            context["wrong"] = str(wrong)
    return render(request, "console/work/backtest.html", context)


def choices() -> list[dict[str, str]]:
    """The params that rules take limits from, with what is in force in the country today."""
    found = [params.lookup(p, clock.today()) for p in sorted(change.limit_params() & set(params.paths()))]
    return [{"path": d.path, "title": (english() and d.title_en) or d.title,
             "now": f"{d.value} {d.unit}" if isinstance(d.value, str | int | float) else ""} for d in found]


def link(account: Any, path: str, value: Any, region: str = "") -> str:
    """Where a value of a param can be tried; blank where no rule takes a limit from it or the person may not."""
    if path not in change.limit_params() or not access.may(account, "params.propose"):
        return ""
    told = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "/backtest/?" + urlencode({"param": path, "value": told, "region": region})


def _tested(account: Any, asked: dict[str, str]) -> Tested:
    text = asked["text"] or f"params:\n  {asked['param']}: {asked['value']}"
    if len(text) > LONGEST:
        raise BadInput(_("改动太长,请用命令 shouwang backtest"))
    if not asked["text"] and not asked["value"]:
        raise BadInput(_("请填写试行值"))
    now = clock.now()
    span = kpis.Span(now - timedelta(days=int(asked["days"])), now)
    return backtest.run(change.parsed(text), span, account=account, region=asked["region"], most=MOST)


def _result(account: Any, tested: Tested) -> dict[str, Any]:
    """Figures side by side, duty posts, and the points that would alarm most."""
    often = tested.reports["tried"].often[:OFTEN]
    was = {(o.rule, o.point): len(o.ids) for o in tested.reports["now"].often}
    points = Point.objects.select_related("subject__top").in_bulk([o.point for o in often])
    posts = performance.posts(account) if access.may(account, "rosters.see") else []
    return {
        "tested": tested, "sides": [_(s) for s in comparison.SIDES.values()],
        "rules": [titled(content.find("rules", r)) or r for r in tested.rules],
        "lines": [{"line": ln, "values": [number(v) for v in ln.values], "more": _more(ln)}
                  for ln in comparison.lines(tested)],
        "desks": comparison.desks(tested, posts)[:DESKS],
        "often": [{"point": points.get(o.point), "tried": len(o.ids), "now": was.get((o.rule, o.point), 0)}
                  for o in often]}


def _more(line: comparison.Line) -> str:
    """worse where what is tried alarms more than what is in force, less where it alarms less."""
    now, tried = (v or 0 for v in line.values[:2])
    return "worse" if tried > now else "less" if tried < now else ""
