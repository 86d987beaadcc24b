"""The demo's enterprises: how many of each trade, how many points each, where, under which code."""

import random
from dataclasses import dataclass

from shouwang.engines.subjects import credit_code

from . import names, places
from .places import County, Grid

MIX = {
    "mine": 12,
    "tank_farm": 55,
    "chlor_alkali": 10,
    "fine_chem": 95,
    "gas_station": 60,
    "cold_store": 30,
    "other": 38,
}
WEIGHT = {
    "mine": 62,
    "tank_farm": 95,
    "chlor_alkali": 130,
    "fine_chem": 88,
    "gas_station": 14,
    "cold_store": 24,
    "other": 0,
}
LINES = {"mine": "coal", "other": "industry_trade"}
LEAST = 6  # points of the smallest measured enterprise
ORGANISATION = (3, 7, 9, 10, 5, 8, 4, 2)  # GB 11714 weights


@dataclass
class Firm:
    """One made-up enterprise: number, trade, place, points."""

    number: int
    trade: str
    name: str
    code: str
    county: County
    grid: Grid
    lon: float
    lat: float
    points: int
    persons: int  # residents within 500 m
    staff: int

    @property
    def line(self) -> str:
        """Its industry line."""
        return LINES.get(self.trade, "hazchem")

    @property
    def prefix(self) -> str:
        """What the codes of its facilities begin with."""
        return f"{self.county.code}-{self.number:03d}"


def plan(counties: list[County], enterprises: int, points: int, rng: random.Random) -> list[Firm]:
    """The firms of a city, tank farm first (its red warning is the demo's), with exactly `points` points in all."""
    trades = _trades(enterprises, rng)
    shares = _shares(trades, points, rng)
    return [
        _firm(n, trade, share, counties, rng) for n, (trade, share) in enumerate(zip(trades, shares, strict=True), 1)
    ]


def _trades(enterprises: int, rng: random.Random) -> list[str]:
    total = sum(MIX.values())
    counts = {t: max(1, round(n * enterprises / total)) for t, n in MIX.items()}
    counts["fine_chem"] = max(1, counts["fine_chem"] + enterprises - sum(counts.values()))
    drawn = [t for t, n in counts.items() for _ in range(n)]
    drawn.remove("tank_farm")
    rng.shuffle(drawn)
    return ["tank_farm", *drawn][:enterprises]


def _shares(trades: list[str], points: int, rng: random.Random) -> list[int]:
    """Points by trade and size; what rounding leaves over is dealt out one by one."""
    weights = [WEIGHT[t] * rng.uniform(0.6, 1.4) for t in trades]
    measured = [n for n, w in enumerate(weights) if w]
    spare = max(0, points - LEAST * len(measured))
    shares = [LEAST + int(spare * w / sum(weights)) if w else 0 for w in weights]
    for k in range(points - sum(shares)):
        shares[measured[k % len(measured)]] += 1
    for k in range(sum(shares) - points):
        shares[measured[k % len(measured)]] -= 1
    return shares


def _firm(number: int, trade: str, points: int, counties: list[County], rng: random.Random) -> Firm:
    county = counties[0] if number == 1 else rng.choice(counties)
    if trade in ("gas_station", "other"):
        lon, lat = places.anywhere(county.outline, rng)
    elif trade == "mine":
        lon, lat = places.near(county.outline, rng.choice(county.parks), 0.06, rng)
    else:
        lon, lat = places.near(county.outline, rng.choice(county.parks), 0.012, rng)
    persons = rng.choice([0, 0, 12, 26, 35, 48, 60, 90, 150])
    return Firm(number, trade, names.firm(rng, county.name, trade, number), code_of(county.code, number), county,
                county.nearest(lon, lat), lon, lat, points, persons, rng.randrange(8, 900))


def code_of(county: str, number: int) -> str:
    """A code that passes GB 32100 but was never issued: its GB 11714 check digit is wrong on purpose."""
    body = f"MA9{number:05d}"
    total = sum(credit_digit(c) * w for c, w in zip(body, ORGANISATION, strict=True))
    right = (11 - total % 11) % 11
    return credit_code.make(f"91{county.ljust(6, '0')}{body}{(right + 1) % 10}")


def credit_digit(character: str) -> int:
    """0–9 as themselves, A–Z as 10–35 (GB 11714)."""
    return int(character, 36)
