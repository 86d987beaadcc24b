"""Lists as sheets: warnings and matters, just as they are filtered on the page; each export is audited."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from shouwang.engines.flows import versions
from shouwang.engines.rules import evidence as evidence_files
from shouwang.engines.subjects import sheets
from shouwang.kernel import clock, events
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput

from . import matters as matter_pages
from . import warnings as warning_pages
from .account import who
from .episode import find
from .templatetags.shouwang import level_name, titled

MOST = 50_000  # rows of one sheet; narrow the filters for more
KINDS = {"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "csv": "text/csv; charset=utf-8"}
events.declares(lists__exported="导出了清单")
WARNING_HEADINGS = ("编号", "等级", "最高等级", "企业", "属地代码", "设备", "点位", "位号", "规则", "现值", "限值",
                    "单位", "发生时间", "恢复时间", "确认人", "处置状态", "依据")
MATTER_HEADINGS = ("编号", "等级", "事项", "企业", "属地代码", "状态", "开出时间", "时限", "是否超期",
                   "办结时间", "标注")


@guarded("alerts.see")
def warnings(request: HttpRequest) -> HttpResponse:
    """The warnings of the present filters."""
    found = warning_pages.listed(who(request), warning_pages._asked(request)).defer(None)[:MOST]
    return _sheet(request, "warnings", WARNING_HEADINGS, map(_warning, warning_pages.rows(who(request), found)))


def _warning(row: dict[str, Any]) -> Sequence[Any]:
    a, matter = row["alert"], row.get("matter")
    return (f"A{a.pk}", level_name(a.level), level_name(a.highest), a.top.name, a.region, a.subject.name, a.point.name,
            a.point.code, titled(row["rule"]) or a.rule, a.last_value, a.limit_value, a.unit, _local(a.opened_at),
            _local(a.cleared_at), a.acked_by, titled(versions.state_of(matter)) if matter else "",
            a.basis.get("text", ""))


@guarded("alerts.see")
def evidence(request: HttpRequest, pk: int) -> HttpResponse:
    """The evidence file of one warning."""
    return HttpResponse(evidence_files.for_account(find(who(request), pk), who(request)),
                        content_type="application/json", headers={
                            "Content-Disposition": f'attachment; filename="evidence-A{pk}.json"'})


@guarded("matters.see")
def matters(request: HttpRequest) -> HttpResponse:
    """The matters of the present filters."""
    found = matter_pages.listed(request)[:MOST]
    return _sheet(request, "matters", MATTER_HEADINGS, (
        (f"M{m.pk}", level_name(m.level), m.title, m.top.name, m.region, titled(versions.state_of(m)),
         _local(m.opened_at), _local(m.due_at), "是" if m.overdue else "否", _local(m.closed_at), m.flagged)
        for m in found))


def _sheet(request: HttpRequest, name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    form = request.GET.get("format", "xlsx")
    if form not in KINDS:
        raise BadInput(_("导出格式只有 xlsx 和 csv"))
    body = sheets.write(headings, rows, form)
    events.emit("lists.exported", actor=who(request).username, list=name, format=form, query=request.GET.urlencode())
    return HttpResponse(body, content_type=KINDS[form], headers={
        "Content-Disposition": f'attachment; filename="{name}.{form}"'})


def _local(moment: Any) -> str:
    return moment.astimezone(clock.LOCAL).strftime("%Y-%m-%d %H:%M:%S") if moment else ""
