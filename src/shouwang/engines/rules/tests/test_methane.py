"""A real longwall's methane: alarm, power-cut and reset episodes equal those of an independent loop."""

import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from shouwang.engines.rules.checkbook import Check
from shouwang.engines.rules.limits import scaled
from shouwang.engines.rules.series import Bench
from shouwang.engines.telemetry.seam import Batch

REPO = Path(__file__).parents[5]
SHARED = Path(os.environ.get("SHOUWANG_SHARED", REPO.parent / "shared"))
FILE = SHARED / "data" / "methane" / "methane-train.arff"
STEP, START = 30_000, 1_760_000_000_000
ALARM, CUT, RESET = "1.0", "1.5", "1.0"  # T1, facts/hazard/monitoring/coal_methane_aq1029.csv


def columns() -> dict[str, list[str]]:
    """Sensor → values as written in the recording."""
    if not FILE.exists():
        pytest.skip(f"没有 {FILE}:真实瓦斯数据不在代码库里,用 SHOUWANG_SHARED 指明它的位置")
    head, _, body = FILE.read_text("utf8").partition("@DATA")
    names = [line.split("'")[1] for line in head.splitlines() if line.startswith("@ATTRIBUTE")]
    rows = [line.split(",") for line in body.split()]
    return {name: [row[n] for row in rows] for n, name in enumerate(names)}


def independent(values: list[str]) -> dict[str, list[int]]:
    """When alarm and power cut began and ended, by the words of the standard and nothing else."""
    out: dict[str, list[int]] = {"alarm": [], "alarm_end": [], "cut": [], "reset": []}
    alarm = cut = False
    for n, text in enumerate(values):
        x, t = float(text), START + n * STEP
        if not alarm and x >= 1.0:
            alarm = True
            out["alarm"].append(t)
        elif alarm and x < 1.0:
            alarm = False
            out["alarm_end"].append(t)
        if not cut and x >= 1.5:
            cut = True
            out["cut"].append(t)
        elif cut and x < 1.0:
            cut = False
            out["reset"].append(t)
    return out


def judged(values: list[str], digits: int, size: int) -> dict[str, list[int]]:
    """The same from the kernel: the whole episode is the alarm, its spell at tier 2 the power cut."""
    check = Check()
    for slot, limit in ((2, ALARM), (3, CUT)):
        check.put(slot, scaled(Decimal(limit), digits, True), scaled(Decimal(RESET), digits, True))
    bench = Bench([("mine_net.methane", 1, check)], digits=digits)
    t = START + STEP * np.arange(len(values))
    v = np.array([int(Decimal(x).scaleb(digits).to_integral_value()) for x in values], np.int32)
    none = np.zeros(len(values), np.uint32)
    out: dict[str, list[int]] = {"alarm": [], "alarm_end": [], "cut": [], "reset": []}
    tier = 0
    for n in range(0, len(values), size):
        cut = slice(n, n + size)
        batch = Batch(none[cut], t[cut], v[cut], none[cut].astype(np.uint8), none[cut])
        for x in bench.judge.evaluate(batch, int(t[cut][-1])):
            names = {"raised": ["alarm"], "cleared": ["alarm_end"]}.get(x.kind, [])
            names = names + (["cut"] if x.tier == 2 > tier else ["reset"] if tier == 2 > x.tier else [])
            for name in names:
                out[name].append(x.at)
            tier = x.tier
    return out


@pytest.mark.parametrize("size", [1, 700, 100_000])
@pytest.mark.parametrize("sensor", ["MM116", "MM31", "MM256"])
def test_real_methane_gives_the_episodes_the_standard_demands(sensor: str, size: int) -> None:
    recorded = columns()
    if sensor not in recorded:
        pytest.skip(f"{FILE.name} 里没有 {sensor},只有 {'、'.join(recorded)}")
    expected = independent(recorded[sensor])
    assert judged(recorded[sensor], 2, size) == expected
    if sensor == "MM116":
        assert len(expected["alarm"]) > 20  # the face is gassy: a kernel that says nothing must fail
        assert expected["cut"]
