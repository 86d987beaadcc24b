"""The demo's points as the simulator and the generated past need them: arrays, and which gateway carries which."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shouwang.engines.telemetry.models import Channel

# Where readings without a limit of their own rest, as (lowest, highest) set point and the spread around it.
REST = {
    "methane": (0.15, 0.45, 0.02),
    "co": (2.0, 7.0, 0.4),
    "wind_speed": (1.2, 2.6, 0.06),
    "temperature": (20.0, 24.0, 0.2),
    "combustible": (0.2, 2.0, 0.3),
    "h2s": (0.1, 0.6, 0.08),
    "nh3": (0.5, 3.0, 0.3),
    "cl2": (0.01, 0.05, 0.006),
}
LOW_METHANE = ("T3", "T4", "E1", "D3")  # places with an alarm value of 0.5 %CH4


@dataclass
class Instruments:
    """Every demo point with an address, ordered by gateway; all arrays have one entry a point."""

    id: NDArray[np.int64]
    quantity: list[str]
    device: list[str]
    key: list[str]
    firm: NDArray[np.int64]  # enterprise id
    digits: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    rest: NDArray[np.float64]  # set point
    spread: NDArray[np.float64]  # of the slow noise
    limits: NDArray[np.float64]  # (n, 4) LL L H HH, NaN where none
    place: list[str]
    gateways: list[tuple[str, int, int]]  # source name, first and last+1 point

    def __len__(self) -> int:
        return len(self.id)

    def take(self, rows: NDArray[np.int64]) -> "Instruments":
        """Only these rows, in this order, as if one gateway carried them."""
        n = rows.tolist()
        return Instruments(
            self.id[rows],
            [self.quantity[i] for i in n],
            [self.device[i] for i in n],
            [self.key[i] for i in n],
            self.firm[rows],
            self.digits[rows],
            self.low[rows],
            self.high[rows],
            self.rest[rows],
            self.spread[rows],
            self.limits[rows],
            [self.place[i] for i in n],
            [("", 0, len(n))],
        )


LIMITS = ("point__ll", "point__l", "point__h", "point__hh")
COLUMNS = ("source__name", "device", "key", "point_id", "point__subject__top_id", "point__quantity", "point__digits",
           "point__range_low", "point__range_high", "point__facts", *LIMITS)


def load(region: str = "") -> Instruments:
    """All sample points with an address in a region (everywhere), by gateway, device and key."""
    found = Channel.objects.filter(point__sample=True, source__sample=True, source__enabled=True, point__enabled=True,
                                   point__subject__region__startswith=region)
    rows = list(found.order_by("source__name", "device", "key").values_list(*COLUMNS))
    names, devices, keys, ids, firms, quantities, digits, low, high, facts, *limits = _columns(rows)
    bounds = np.array([[np.nan if v is None else float(v) for v in c] for c in limits], float).T.reshape(-1, 4)
    places = [str(f.get("place", "")) for f in facts]
    point = np.array(ids, np.int64)
    floor = np.array([float(v or 0) for v in low])
    rest, spread = _rests(quantities, places, bounds, floor, point)
    return Instruments(point, quantities, devices, keys, np.array(firms, np.int64), np.array(digits, np.int64), floor,
                       np.array([float(v or 100) for v in high]), rest, spread, bounds, places, _gateways(names))


def _columns(rows: list[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(c) for c in zip(*rows, strict=True)] if rows else [[] for _ in COLUMNS]


def _gateways(names: list[str]) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    for n, name in enumerate(names):
        if found and found[-1][0] == name:
            found[-1] = (name, found[-1][1], n + 1)
        else:
            found.append((name, n, n + 1))
    return found


def _rests(quantities: list[str], places: list[str], limits: NDArray[np.float64], low: NDArray[np.float64],
           ids: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Set points well inside the limits, always the same for the same point."""
    rest, spread = np.zeros(len(ids)), np.zeros(len(ids))
    for n, quantity in enumerate(quantities):
        u = float(np.random.default_rng(int(ids[n])).random())
        _, lower, upper, _ = limits[n]
        if quantity in ("level", "pressure", "flow", "temperature") and np.isfinite(upper):
            floor = lower if np.isfinite(lower) else low[n]
            rest[n], spread[n] = floor + (upper - floor) * (0.35 + 0.35 * u), (upper - floor) * 0.012
        else:
            a, b, spread[n] = REST.get(quantity, (1.0, 2.0, 0.1))
            factor = 0.4 if quantity == "methane" and places[n] in LOW_METHANE else 1.0
            rest[n], spread[n] = a + (b - a) * u * factor, spread[n] * factor
    return rest, spread
