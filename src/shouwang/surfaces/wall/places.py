"""Where a screen may look: the account's home, the way back up, neighbours and parts."""

from itertools import takewhile
from typing import Any

from django.db.models import Max, Min
from django.http import Http404

from shouwang.engines.subjects.models import Region, Subject
from shouwang.kernel import access

from . import base_map

TIERS = (2, 4, 6, 9, 12)  # digits of province, city, county, town, grid


def reachable(account: Any, region: str) -> bool:
    """Whether one of the account's grants for the wall covers this region."""
    return any(region.startswith(g.region) for g in access.holding(account, "wall.see"))


def asked(account: Any, region: str | None) -> str:
    """The region a request names, or the account's home; out of reach or unknown is Http404."""
    if not region:
        return home(account)
    if not region.isdecimal() or len(region) > 12 or not reachable(account, region):
        raise Http404(f"没有可查看的行政区划 {region}")
    return region


def home(account: Any) -> str:
    """Where the wall opens: the widest region granted, else the smallest that holds every enterprise."""
    granted = [g.region for g in access.holding(account, "wall.see")]
    return min(granted, key=len, default="") or _span()


def _span() -> str:
    ends = Subject.objects.filter(kind="enterprise").exclude(region="").aggregate(
        low=Min("region"), high=Max("region"))
    low, high = ends["low"] or "", ends["high"] or ""
    same = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(low, high, strict=False))))
    return low[:max(n for n in (0, *TIERS[:3]) if n <= same)]


def around(account: Any, region: str) -> dict[str, Any]:
    """Name, way up, parts and siblings of a region as [code, name], only what the account reaches."""
    way = [c for c in ("", *(region[:n] for n in TIERS if n <= len(region))) if reachable(account, c)]
    named = [[c, name_of(c)] for c in way if c == "" or name_of(c)]
    siblings = parts(named[-2][0]) if len(named) > 1 else []
    return {"code": region, "name": name_of(region), "way": named, "parts": [list(p) for p in parts(region)],
            "siblings": [list(p) for p in siblings]}


def name_of(code: str) -> str:
    """The region's name from the base map, towns and grids from the registry."""
    known = base_map.name_of(code)
    if known or len(code) <= 6:
        return known
    return Region.objects.filter(code=code).values_list("name", flat=True).first() or code


def parts(region: str) -> list[tuple[str, str]]:
    """Code and name of what lies directly below; towns under a county; the region itself when nothing."""
    mapped = base_map.part_names(region) if len(region) < 6 else []
    if [c for c, _ in mapped] not in ([], [region]):
        return mapped
    towns = Region.objects.filter(parent__code=region).order_by("code").values_list("code", "name")
    return list(towns) or [(region, name_of(region))]


def towns(region: str) -> list[list[Any]]:
    """[code, name, lon, lat] of the towns of a county that have a place, for their names on the map."""
    if len(region) != 6:
        return []
    rows = Region.objects.filter(parent__code=region, lon__isnull=False).order_by("code")
    return [list(r) for r in rows.values_list("code", "name", "lon", "lat")]
