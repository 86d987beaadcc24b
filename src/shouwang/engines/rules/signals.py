"""What a check looks at when it is not the reading itself: its rate, how long it has stood, how often it was over.

Each gives one integer a reading, which the tiers then judge as they judge a reading. What must be remembered is one
dense record a check (MEMORY). Event times in ms; no Django here.
"""

from typing import Any

import numpy as np

from .compiled import jit

RATE, FLAT, COUNT, APART = 3, 4, 5, 6
KEPT = 20  # readings or excursions remembered
PARTS = 16  # a window keeps the first reading of each sixteenth of it
CALM = 4  # readings further apart than a quarter of the span do not show that a value stands still
NOTHING = -(2**62)  # not enough is known yet: neither for nor against
MOST = 2**31 - 1
MEMORY = np.dtype([
    ("t", "i8", (KEPT,)), ("v", "i4", (KEPT,)),  # rate: readings kept; flat: [0] where it began, [1] the last
    ("n", "i4"),  # how many are in use, oldest first
    ("over", "i4"),  # count: an excursion is going on
])


@jit
def signal(c: Any, m: Any, kind: Any, t: Any, x: Any) -> Any:
    """The integer the tiers judge. `c` is the check: sign in limit[0], span in reset[0], the rest by kind."""
    if kind == RATE:
        return _rate(m, np.int64(c["limit"][0]), np.int64(c["reset"][0]), t, x)
    if kind == FLAT:
        return _flat(m, np.int64(c["reset"][0]), np.int64(c["reset"][1]), c["tier"] != 0, t, x)
    sign = np.int64(c["limit"][0])
    return _count(m, np.int64(c["reset"][0]), np.int64(c["limit"][1]), np.int64(c["reset"][1]), t, sign * x)


@jit
def apart(pts: Any, c: Any, t: Any, x: Any) -> Any:
    """How far the reading is from its sibling's, where that one is usable and not further away in time than `span`."""
    sibling = np.int64(c["limit"][1])
    if sibling < 0:
        return NOTHING
    other = pts[sibling]
    if other["heard_t"] < 0 or other["q"] > 1 or abs(t - np.int64(other["heard_t"])) > np.int64(c["reset"][0]):
        return NOTHING
    return min(abs(x - np.int64(other["v"])), MOST)


@jit
def _forget(m: Any, many: Any) -> None:
    """Drop the oldest."""
    n = np.int64(m["n"])
    for i in range(many, n):
        m["t"][i - many], m["v"][i - many] = m["t"][i], m["v"][i]
    m["n"] = n - many


@jit
def _keep(m: Any, t: Any, v: Any) -> None:
    if m["n"] == KEPT:
        _forget(m, 1)
    n = np.int64(m["n"])
    m["t"][n], m["v"][n] = t, v
    m["n"] = n + 1


@jit
def _rate(m: Any, sign: Any, span: Any, t: Any, x: Any) -> Any:
    """Change per window since the newest kept reading that is at least a window old; rounded down."""
    part = max(span // PARTS, 1)
    n = np.int64(m["n"])
    if n == 0 or np.int64(m["t"][n - 1]) // part != t // part:
        _keep(m, t, x)
        n = np.int64(m["n"])
    old = 0
    while old + 1 < n and np.int64(m["t"][old + 1]) <= t - span:
        old += 1
    if old:
        _forget(m, old)
    gone = t - np.int64(m["t"][0])
    if gone < span:
        return NOTHING
    rate = sign * (x - np.int64(m["v"][0])) * span // gone
    return min(max(rate, -MOST), MOST)


@jit
def _flat(m: Any, span: Any, band: Any, told: Any, t: Any, x: Any) -> Any:
    """For how long all readings lay within the band around the first of them, ms.

    A gap proves nothing: after it a run begins anew, and an alert already told stands.
    """
    gap = m["n"] == 0 or t - np.int64(m["t"][1]) > span // CALM
    if m["n"] == 0 or abs(x - np.int64(m["v"][0])) > band or (gap and not told):
        m["t"][0], m["v"][0], m["n"] = t, x, 2
    m["t"][1] = t
    return min(t - np.int64(m["t"][0]), MOST)


@jit
def _count(m: Any, span: Any, over: Any, back: Any, t: Any, x: Any) -> Any:
    """How many excursions began within the last `span`: from a reading at the limit to one back beyond the reset."""
    if m["over"] == 0 and x >= over:
        m["over"] = 1
        _keep(m, t, 0)
    elif m["over"] != 0 and x < back:
        m["over"] = 0
    old = 0
    while old < m["n"] and np.int64(m["t"][old]) <= t - span:
        old += 1
    if old:
        _forget(m, old)
    return np.int64(m["n"])
