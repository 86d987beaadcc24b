"""What a made-up enterprise consists of: units, tanks, reactors, detectors, faces and headings, each with its sensors.

Limits are 本系统默认 where the enterprise gives none (levels 10/15/85/90 % of the maximum, deadband 1 % of the range,
3 s on-delay, 10 s off-delay); gas and mine limits come from the scenes' dated params.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from shouwang.engines.subjects import major_hazard


@dataclass
class Sensor:
    """One instrument to be: quantity, tag letters, range and limits LL, L, H, HH in the quantity's own unit."""

    quantity: str
    tag: str
    title: str
    span: tuple[float, float]
    limits: tuple[float | None, float | None, float | None, float | None] = (None, None, None, None)
    place: str = ""


@dataclass
class Part:
    """One thing of an enterprise: its kind, what it stands under, its sensors."""

    kind: str
    tag: str
    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    under: "Part | None" = None
    sensors: list[Sensor] = field(default_factory=list)


@dataclass(frozen=True)
class Medium:
    """What a tank holds: density t/m³, how it is stored, design pressure MPa, the class where Table 1 has no row."""

    name: str
    density: float
    design: str = "atmospheric"
    pressure: float = 0.0
    symbol: str = ""
    gas: str = "combustible"


MEDIA = {m.name: m for m in (
    Medium("甲醇", 0.79), Medium("汽油", 0.74), Medium("柴油", 0.85, symbol="W5.4"), Medium("苯", 0.88),
    Medium("甲苯", 0.87), Medium("乙醇", 0.79), Medium("丙酮", 0.79), Medium("液化石油气", 0.55, "pressure", 1.77),
    Medium("液氨", 0.60, "pressure", 2.16, gas="nh3"), Medium("液氯", 1.40, "pressure", 1.60, gas="cl2"))}
TRADES: dict[str, dict[str, Any]] = {
    "tank_farm": {"media": ["汽油", "柴油", "甲醇", "液化石油气", "苯"], "volume": (1000, 5000), "detectors": 0.40},
    "chlor_alkali": {"media": ["液氯", "液氯", "甲醇"], "volume": (30, 100), "detectors": 0.45, "reactors": 0.5},
    "fine_chem": {"media": ["甲醇", "甲苯", "苯", "丙酮", "液氨"], "volume": (100, 800), "detectors": 0.45,
                  "reactors": 0.6, "gases": ["h2s", "co"]},
    "gas_station": {"media": ["汽油", "汽油", "柴油"], "volume": (20, 30), "detectors": 0.34},
    "cold_store": {"media": ["液氨"], "volume": (20, 60), "detectors": 0.6},
}
GAS_SPANS = {
    "combustible": (0.0, 100.0),
    "h2s": (0.0, 100.0),
    "nh3": (0.0, 200.0),
    "cl2": (0.0, 10.0),
    "co": (0.0, 500.0),
}
GAS_TITLES = {"combustible": "可燃气体", "h2s": "硫化氢", "nh3": "氨", "cl2": "氯", "co": "一氧化碳"}
Limits = dict[str, tuple[float, float]]  # gas → level 1, level 2


def build(trade: str, points: int, persons: int, gas_limits: Limits, rng: random.Random) -> list[Part]:
    """The parts of one enterprise, parents first, with exactly `points` sensors in all."""
    if points == 0:
        return []
    if trade == "mine":
        return _mine(points, rng)
    spec = dict(TRADES[trade])
    spec["media"] = rng.sample(spec["media"], len(spec["media"]))
    detectors = max(1, round(points * spec["detectors"]))
    process = points - detectors
    reactors = round(process * spec.get("reactors", 0.0)) // 4
    homes = _production(reactors, persons, rng) if reactors else []
    tanks, left = _storage(spec, process - 4 * reactors, persons, rng)
    homes += tanks
    return homes + _detectors(homes, spec, detectors + left, gas_limits)


def _storage(spec: dict[str, Any], sensors: int, persons: int, rng: random.Random) -> tuple[list[Part], int]:
    """Tank groups of up to six tanks, one dike and one medium family each; and the sensors that found no tank."""
    tanks: list[Part] = []
    while sensors >= 2:
        tank = _tank(
            len(tanks), MEDIA[spec["media"][len(tanks) // 6 % len(spec["media"])]], spec["volume"], sensors, rng
        )
        sensors -= len(tank.sensors)
        tanks.append(tank)
    parts: list[Part] = []
    for n in range(0, len(tanks), 6):
        parts += _group(n // 6 + 1, tanks[n:n + 6], persons)
    return parts, sensors


def _group(number: int, tanks: list[Part], persons: int) -> list[Part]:
    """A tank group under its major hazard source, when GB 18218 says it is one, else under the enterprise."""
    unit = _unit(f"ZC{number}", f"{number}号罐区", "storage", [_item(t) for t in tanks], persons)
    group = Part("tank_group", f"TG{number}", f"{number}号罐组", under=unit)
    for tank in tanks:
        tank.under = group
    return [*([unit] if unit else []), group, *tanks]


def _item(tank: Part) -> dict[str, Any]:
    medium = MEDIA[tank.facts["medium"]]
    item: dict[str, Any] = {"name": medium.name, "q_t": round(tank.facts["volume"] * medium.density * 0.9, 2)}
    return {**item, "symbol": medium.symbol} if medium.symbol else item


def _unit(tag: str, name: str, kind: str, items: list[dict[str, Any]], persons: int) -> Part | None:
    found = major_hazard.grade(items, persons)
    if not found.is_major_hazard:
        return None
    facts = {
        "grade": str(found.grade),
        "s": round(float(found.S), 4),
        "r": round(float(found.R or 0), 4),
        "unit_kind": kind,
        "items": items,
    }
    return Part("major_hazard", tag, f"{name}重大危险源", facts)


def _tank(n: int, medium: Medium, volume: tuple[int, int], most: int, rng: random.Random) -> Part:
    number = f"{(n // 6 + 1) * 100 + n % 6 + 1}"
    facts = {"medium": medium.name, "volume": rng.randrange(volume[0], volume[1] + 1, 10), "design": medium.design}
    tank = Part("tank", f"V{number}", f"V{number} {medium.name}储罐", facts)
    tank.sensors = [_level(), Sensor("temperature", "TI", "温度", (-20.0, 80.0), (None, None, 45.0, 50.0))]
    if medium.design == "pressure" and most >= 3:
        design = medium.pressure
        tank.sensors.append(Sensor("pressure", "PI", "压力", (0.0, 2.5), (None, None, round(design * 0.9, 3), design)))
    if most > len(tank.sensors) and n % 3 == 0:
        tank.sensors.append(Sensor("flow", "FI", "进料流量", (0.0, 200.0), (None, None, 160.0, 180.0)))
    return tank


def _level() -> Sensor:
    return Sensor("level", "LI", "液位", (0.0, 100.0), (10.0, 15.0, 85.0, 90.0))


def _production(reactors: int, persons: int, rng: random.Random) -> list[Part]:
    """Reactors of one production unit, four sensors each."""
    items = [{"name": "工艺物料", "symbol": "W5.2", "q_t": rng.randrange(8, 20) * reactors}]
    unit = _unit("SC1", "一号装置", "production", items, persons)
    made = [Part("reactor", f"R{n + 1:02d}", f"R{n + 1:02d} 反应釜", under=unit, sensors=[
        Sensor("temperature", "TI", "釜温", (0.0, 200.0), (None, None, 130.0, 145.0)),
        Sensor("pressure", "PI", "釜压", (0.0, 1.6), (None, None, 0.9, 1.0)), _level(),
        Sensor("flow", "FI", "进料流量", (0.0, 100.0), (None, None, 80.0, 90.0))]) for n in range(reactors)]
    return [*([unit] if unit else []), *made]


def _detectors(homes: list[Part], spec: dict[str, Any], number: int, limits: Limits) -> list[Part]:
    """Gas detectors around the tank groups and units, after what is stored there."""
    kept: list[Part | None] = [p for p in homes if p.kind == "tank_group" or p.facts.get("unit_kind") == "production"]
    places = kept or [None]
    made = []
    for n in range(number):
        home = places[n % len(places)]
        gas = _gas(homes, home, spec, n)
        one, two = limits[gas]
        made.append(
            Part(
                "gas_detector",
                f"G{n + 1:03d}",
                f"G{n + 1:03d} {GAS_TITLES[gas]}探测器",
                {"gas": GAS_TITLES[gas]},
                home,
                [Sensor(gas, "AI", f"{GAS_TITLES[gas]}浓度", GAS_SPANS[gas], (None, None, one, two))],
            )
        )
    return made


def _gas(homes: list[Part], home: Part | None, spec: dict[str, Any], n: int) -> str:
    kept = next((t.facts["medium"] for t in homes if t.kind == "tank" and t.under is home), spec["media"][0])
    if n % 5 == 4 and "gases" in spec:
        return str(spec["gases"][n // 5 % len(spec["gases"])])
    return MEDIA[kept].gas


def _mine(points: int, rng: random.Random) -> list[Part]:
    """A coal mine with faces, headings, airways and chambers; sensors are placed until `points` are reached."""
    outburst = rng.random() < 0.2
    mine = Part("mine", "KJ", "矿井", {"gas_class": "outburst" if outburst else rng.choice(["low", "high"]),
                                     "capacity": rng.randrange(60, 300, 30)})
    parts: list[Part] = [mine]
    left = points
    for part in _workings(mine, "T1_outburst" if outburst else "T1"):
        part.sensors = part.sensors[:left]
        left -= len(part.sensors)
        parts.append(part)
        if left == 0:
            return parts
    return parts


def _methane(place: str, title: str) -> Sensor:
    return Sensor("methane", "CH", f"{title}甲烷", (0.0, 4.0), place=place)


def _workings(mine: Part, face_place: str) -> Iterator[Part]:
    """Faces, headings and airways without end, in the order a mine would instrument them."""
    co, wind = Sensor("co", "CO", "一氧化碳", (0.0, 500.0)), Sensor("wind_speed", "FS", "风速", (0.0, 15.0))
    warm = Sensor("temperature", "WD", "温度", (0.0, 50.0))
    yield Part("airway", "ZHF", "总回风巷", under=mine, sensors=[_methane("R2", "总回风"), co, wind])
    for n in range(1, 1000):
        face, head = f"{3000 + n * 100 + 1}", f"{3000 + n * 100 + 2}"
        yield Part("working_face", f"C{face}", f"{face}采煤工作面", under=mine,
                   sensors=[_methane("T0", "上隅角"), _methane(face_place, "工作面"), warm, co])
        yield Part(
            "airway", f"H{face}", f"{face}工作面回风巷", under=mine, sensors=[_methane("T2", "回风巷"), co, wind]
        )
        yield Part("airway", f"J{face}", f"{face}工作面进风巷", under=mine, sensors=[_methane("T3", "进风巷"), wind])
        yield Part("heading", f"D{head}", f"{head}掘进工作面", under=mine,
                   sensors=[_methane("D1", "掘进面"), _methane("D2", "掘进回风流"), wind, warm])
        yield Part("airway", f"Q{n}", f"{n}采区回风巷", under=mine, sensors=[_methane("R1", "采区回风"), co, wind])
        yield Part("chamber", f"P{n}", f"{n}采区变电所", under=mine, sensors=[warm, _methane("E1", "硐室进风侧")])
