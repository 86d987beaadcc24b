"""Rules that another point switches: while the plant stands still, its low-flow alarm is suppressed, with proof.

A gated check is judged like any other. While its gate point shows the state named in `unless`, what it tells carries
the proof (the gate's reading); the alert then stands suppressed. When the gate shows otherwise, or nothing any more,
the alert is released: missing data never suppresses. No Django here.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shouwang.engines.telemetry import quality

from . import tiers

if TYPE_CHECKING:
    from .state import State

FRESH_MS = 10 * 60_000  # [D] an older reading of the gate point suppresses nothing
BOOK = np.dtype([("row", "i8"), ("point", "i8"), ("limit", "i4"), ("above", "u1")])  # row of the book, point id
GATE = np.dtype([
    ("check", "i8"), ("point", "i8"),  # by index
    ("limit", "i4"), ("above", "u1"),  # closed at or above the limit, else at or below
    ("held", "u1"),  # the open alert is told to be suppressed
])
Proof = list[tuple[int, float, str]]


def bound(book: NDArray[np.void], order: NDArray[np.int64], index: dict[int, int]) -> NDArray[np.void]:
    """Gates of a plan by check index; a gate whose point is not in the plan does not exist. `order`: book rows."""
    check = {int(row): n for n, row in enumerate(order.tolist())}
    rows = [(check[g["row"]], index[g["point"]], g["limit"], g["above"], 0) for g in book
            if int(g["row"]) in check and int(g["point"]) in index]
    return np.array(sorted(rows), GATE)


def closed(s: "State", gates: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which gates suppress now: the reading is usable, says so, and is fresh beside the newest of its source."""
    g = s.points[gates["point"]]
    says = np.where(gates["above"] != 0, g["v"] >= gates["limit"], g["v"] <= gates["limit"])
    fresh = s.swept[g["source"]] - g["heard_t"] <= FRESH_MS
    usable = (g["heard_t"] >= 0) & (g["q"] <= tiers.UNCERTAIN)
    return np.asarray(usable & says & fresh, np.bool_)


def proof(s: "State", gate: np.void) -> Proof:
    """The reading of the gate point as it stands."""
    p = int(gate["point"])
    row = s.points[p]
    return [(int(row["last_t"]), int(row["v"]) / 10 ** int(s.digits[p]), quality.word(int(row["q"])))]


def changed(s: "State") -> Iterator[tuple[np.void, str]]:
    """Open alerts whose gate has closed or opened since it was last told; the new standing is kept."""
    if not len(s.gates):
        return
    now = closed(s, s.gates) & (s.checks["tier"][s.gates["check"]] != 0)
    for n in np.flatnonzero(now != (s.gates["held"] != 0)):
        was = s.gates["held"][n]
        s.gates["held"][n] = now[n]
        if s.checks["tier"][s.gates["check"][n]]:
            yield s.gates[n], "released" if was else "suppressed"
