"""Regions of the registry: provinces, cities and counties of GB/T 2260, and the towns and grids a city adds below.

Codes drop trailing zeros, so a prefix is descent: 37 · 3708 · 370829 · 370829001 · 370829001002.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import transaction

from shouwang.kernel import events
from shouwang.kernel.errors import BadInput

from . import shapes
from .models import Region

FILE = Path(__file__).parents[2] / "catalog" / "regions.csv"
LENGTHS = (2, 4, 6, 9, 12)
BELOW = {"county": ("town", 3), "town": ("grid", 3)}
events.declares(subjects__region_added="增设镇街或网格")

normalise = shapes.normalise


def listed() -> list[dict[str, str]]:
    """The rows of the shipped table: code, name, tier; parents before parts."""
    with FILE.open(encoding="utf8", newline="") as f:
        return sorted(csv.DictReader(f), key=lambda r: (len(r["code"]), r["code"]))


@transaction.atomic
def load_all() -> int:
    """Bring every listed region into the registry, with a point inside it; harmless to repeat. Returns the new."""
    have = set(Region.objects.values_list("code", flat=True))
    fresh = [r for r in listed() if r["code"] not in have]
    ids: dict[str, int] = dict(Region.objects.values_list("code", "pk"))
    for length in LENGTHS[:3]:
        made = Region.objects.bulk_create(
            [_row(r, ids) for r in fresh if len(r["code"]) == length], batch_size=500)
        ids.update({r.code: r.pk for r in made})
    _rename()
    return len(fresh)


def _row(r: dict[str, str], ids: dict[str, int]) -> Region:
    lon, lat = shapes.inside(r["code"]) or (None, None)
    return Region(code=r["code"], name=r["name"], tier=r["tier"], parent_id=ids.get(above(r["code"])), lon=lon, lat=lat)


def _rename() -> None:
    """A newer table may rename a region; its code stays."""
    names = {r["code"]: r["name"] for r in listed()}
    stale = [
        r for r in Region.objects.filter(tier__in=("province", "city", "county")) if names.get(r.code, r.name) != r.name
    ]
    for r in stale:
        r.name = names[r.code]
    Region.objects.bulk_update(stale, ["name"])


def above(code: str) -> str:
    """The code one tier up: '370829001' → '370829'; a province gives ''."""
    return next((code[:n] for n in reversed(LENGTHS) if n < len(code)), "")


def _lineage(code: str) -> Iterator[str]:
    while code:
        yield code
        code = above(code)


def one(code: str) -> Region:
    """The region of a code in any spelling; BadInput when the registry has none."""
    found = Region.objects.filter(code=normalise(code)).first()
    if found is None:
        raise BadInput(f"没有区划代码 {code!r};请用 GB/T 2260 的省市县代码,或先在所属区县下增设镇街、网格")
    return found


def name_of(code: str) -> str:
    """The region's own name; '全国' for no code, the code itself when unknown."""
    if not code:
        return "全国"
    found = Region.objects.filter(code=normalise(code)).values_list("name", flat=True).first()
    return found or code


def path_names(code: str) -> list[str]:
    """Names from province down: 370829 → 山东省, 济宁市, 嘉祥县; fill-in tiers (市辖区) are left out."""
    wanted = list(_lineage(normalise(code)))
    names = dict(Region.objects.filter(code__in=wanted).values_list("code", "name"))
    return [
        names[c]
        for c in reversed(wanted)
        if c in names
        and not (len(c) == 4 and names[c] in ("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"))
    ]


def parts(code: str) -> list[Region]:
    """The regions directly below, by code; '' gives the provinces."""
    code = normalise(code)
    if not code:
        return list(Region.objects.filter(tier="province").order_by("code"))
    return list(Region.objects.filter(parent__code=code).order_by("code"))


@transaction.atomic
def add(parent: str, name: str, *, actor: str, lon: float | None = None, lat: float | None = None) -> Region:
    """A town under a county, or a grid under a town, with the next free code; BadInput elsewhere."""
    home = one(parent)
    if home.tier not in BELOW:
        raise BadInput(f"“{home.name}”下不能增设:只能在区县下增设镇街,在镇街下增设网格")
    name = name.strip()
    if not name or len(name) > 60:
        raise BadInput("名称必须填写,最多 60 字")
    if Region.objects.filter(parent=home, name=name).exists():
        raise BadInput(f"“{home.name}”下已经有“{name}”,请换一个名称")
    tier, width = BELOW[home.tier]
    made = Region.objects.create(code=_free(home, width), name=name, tier=tier, parent=home, lon=lon, lat=lat)
    events.emit("subjects.region_added", actor=actor, region=made.code, name=name, parent=home.code)
    return made


def _free(home: Region, width: int) -> str:
    taken = set(Region.objects.filter(parent=home).values_list("code", flat=True))
    for n in range(1, 10**width):
        if (code := f"{home.code}{n:0{width}d}") not in taken:
            return code
    raise BadInput(f"“{home.name}”下的代码已经用完({10**width - 1} 个)")


def counties(code: str) -> list[Region]:
    """The counties of a city or province, by code; a city without counties (东莞) stands for itself."""
    code = normalise(code)
    found = list(Region.objects.filter(tier="county", code__startswith=code).order_by("code"))
    return found or list(Region.objects.filter(code=code))


def facts_of(region: Region) -> dict[str, Any]:
    """A region as the API gives it."""
    return {"code": region.code, "name": region.name, "tier": region.tier, "lon": region.lon, "lat": region.lat}
