"""Where the demo's enterprises stand: in real county outlines, in a few parks, with generic towns and grids."""

import random
from dataclasses import dataclass, field

from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from shouwang.engines.subjects import regions, shapes
from shouwang.engines.subjects.models import Region
from shouwang.kernel.errors import BadInput

ORDINALS = "一二三四五六七八九"
TOWNS, GRIDS, PARKS = 4, 3, 2


@dataclass
class Grid:
    """A grid of a town and the place around which it lies."""

    code: str
    name: str
    lon: float
    lat: float


@dataclass
class Town:
    """A town of a county."""

    code: str
    name: str
    lon: float
    lat: float
    grids: list[Grid] = field(default_factory=list)


@dataclass
class County:
    """A county with its outline, its parks (lon, lat) and its generic towns."""

    code: str
    name: str
    outline: BaseGeometry
    parks: list[tuple[float, float]]
    towns: list[Town]

    def nearest(self, lon: float, lat: float) -> Grid:
        """The grid whose place is nearest."""
        grids = [g for t in self.towns for g in t.grids]
        return min(grids, key=lambda g: (g.lon - lon) ** 2 + (g.lat - lat) ** 2)

    def town_of(self, grid: Grid) -> Town:
        """The town a grid belongs to."""
        return next(t for t in self.towns if grid.code.startswith(t.code))


def of_city(city: str, rng: random.Random) -> list[County]:
    """The counties of a city that have an outline; BadInput when the code is no city of the catalogue."""
    home = regions.one(city)
    if home.tier not in ("city", "province") or (home.tier == "province" and home.code not in ("11", "12", "31", "50")):
        raise BadInput(f"{city} 不是地级市代码;例:370800 济宁市、441900 东莞市、110000 北京市")
    found = [r for r in regions.counties(home.code) if shapes.outline(r.code) is not None]
    if not found:
        raise BadInput(f"“{home.name}”没有可用的区划边界,不能生成样例城市")
    return [_county(r, rng) for r in found]


def _county(region: Region, rng: random.Random) -> County:
    drawn = shapes.outline(region.code)
    assert drawn is not None
    code = region.code.ljust(6, "0")
    towns = [_town(code, region.name, n, drawn, rng) for n in range(TOWNS)]
    return County(region.code, region.name, drawn, [anywhere(drawn, rng) for _ in range(PARKS)], towns)


def _town(county: str, name: str, n: int, drawn: BaseGeometry, rng: random.Random) -> Town:
    lon, lat = anywhere(drawn, rng)
    kind, number = ("街道", n + 1) if n < TOWNS // 2 else ("镇", 100 + n)
    town = Town(f"{county}{number:03d}", f"{name}样例{ORDINALS[n]}{kind}", lon, lat)
    for g in range(GRIDS):
        where = near(drawn, (lon, lat), 0.03, rng)
        town.grids.append(Grid(f"{town.code}{g + 1:03d}", f"样例第{ORDINALS[g]}网格", *where))
    return town


def anywhere(drawn: BaseGeometry, rng: random.Random) -> tuple[float, float]:
    """A random place inside an outline."""
    west, south, east, north = drawn.bounds
    for _ in range(2000):
        lon, lat = rng.uniform(west, east), rng.uniform(south, north)
        if drawn.contains(Point(lon, lat)):
            return round(lon, 5), round(lat, 5)
    inside = drawn.representative_point()
    return round(inside.x, 5), round(inside.y, 5)


def near(drawn: BaseGeometry, centre: tuple[float, float], spread: float, rng: random.Random) -> tuple[float, float]:
    """A place inside an outline around a centre, `spread` degrees wide."""
    for _ in range(60):
        lon, lat = rng.gauss(centre[0], spread), rng.gauss(centre[1], spread)
        if drawn.contains(Point(lon, lat)):
            return round(lon, 5), round(lat, 5)
    return centre
