"""属地: the tree of my region with its towns and grids, and how a city adds them."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from shouwang.engines.subjects import regions
from shouwang.engines.subjects.models import Region
from shouwang.kernel import access
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput

from .account import who

TIERS = {"province": "省", "city": "市", "county": "区县", "town": "镇街", "grid": "网格"}
DEEP = 4  # codes of a city or below are shown with everything under them


@guarded("subjects.see")
def index(request: HttpRequest) -> HttpResponse:
    """A region with everything below it; above a city only the next tier, to click through."""
    account = who(request)
    home = access.home_region(account)
    code = request.GET.get("region", home)[:12]
    if not (code.isdecimal() or code == "") or not _seen(account, code):
        raise Http404("没有这个区划,或不在您的辖区内")
    root = Region.objects.filter(code=code).first()
    if code and root is None:
        raise Http404("没有这个区划")
    rows = _below(code)
    return render(request, "console/admin/regions.html", {
        "root": root, "tree": _tree(rows), "count": len(rows), "path": _path(account, code),
        "deep": len(code) >= DEEP, "may_add": root is not None and _may_add(account, root)})


def _seen(account: Any, code: str) -> bool:
    held = access.holding(account, "subjects.see")
    return any(code.startswith(g.region) for g in held)


def _below(code: str) -> list[Region]:
    if len(code) < DEEP:
        return regions.parts(code)
    return list(Region.objects.filter(code__startswith=code).exclude(code=code).order_by("code"))


def _tree(rows: list[Region]) -> list[dict[str, Any]]:
    """Nodes with their parts, siblings by code; no query."""
    nodes: dict[int, dict[str, Any]] = {
        r.pk: {"region": r, "tier": _(TIERS.get(r.tier, r.tier)), "parts": []} for r in rows}
    roots: list[dict[str, Any]] = []
    for r in rows:
        above = nodes.get(r.parent_id or 0)
        (above["parts"] if above else roots).append(nodes[r.pk])
    return roots


def _may_add(account: Any, region: Region) -> bool:
    return region.tier in regions.BELOW and access.reaches(account, "subjects.edit", region=region.code, top=None)


def _path(account: Any, code: str) -> list[Region]:
    """The regions above that the person may open, the widest first."""
    codes = []
    while (code := regions.above(code)):
        codes.append(code)
    return [r for r in Region.objects.filter(code__in=codes).order_by("code") if _seen(account, r.code)]


@guarded("subjects.edit")
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """A town under a county or a grid under a town."""
    account, parent = who(request), request.POST.get("parent", "")[:12]
    home = regions.one(parent)
    access.require(account, "subjects.edit", region=home.code, top=None)
    try:
        made = regions.add(home.code, request.POST.get("name", ""), actor=account.username,
                           lon=_degree(request, "lon", 73, 136), lat=_degree(request, "lat", 3, 54))
    except BadInput as wrong:
        messages.error(request, str(wrong))
    else:
        messages.success(request, _("已增设 %(name)s,代码 %(code)s") % {"name": made.name, "code": made.code})
    return redirect(f"/regions/?region={home.code}")


def _degree(request: HttpRequest, name: str, low: float, high: float) -> float | None:
    text = request.POST.get(name, "").strip()
    try:
        value = float(text) if text else None
    except ValueError:
        value = -1.0
    if value is not None and not low <= value <= high:
        raise BadInput(_("经纬度应在中国境内,写法如 116.34 和 35.40"))
    return value
