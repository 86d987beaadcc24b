"""The compiled plan: what the ingest process must know about sources, addresses and points. No Django here.

The business plane writes a plan version and moves CURRENT; the ingest process follows. A folder:
`<root>/<version>/points.npz`, `sources.json`, plus what other engines add (rules: `checks.npz`), `<root>/CURRENT`.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

POINT = np.dtype([
    ("id", "i8"),  # subjects.Point primary key
    ("digits", "i1"),  # readings are int32 in units of 10**-digits
    ("source", "u4"),  # index into sources: its watermark
    ("low", "i4"), ("high", "i4"),  # instrument range in scaled units; outside is quality over_range
])
NO_LIMIT_LOW, NO_LIMIT_HIGH = -(2**31), 2**31 - 1


class SourcePlan(msgspec.Struct, frozen=True):
    """A credentialed source as the drivers see it. `addresses` maps device → key → (point index, unit factors)."""

    name: str
    kind: str  # device | gateway
    token_hash: str  # hex SHA-256 of the token
    addresses: dict[str, dict[str, int]]


class PointUnits(msgspec.Struct, frozen=True):
    """A point's own unit and what else may be converted into it: unit → (factor, offset)."""

    unit: str
    units: dict[str, tuple[float, float]]


@dataclass
class Plan:
    """One version of the plan. `points` is dense: a point index is a row number everywhere in the data plane."""

    version: int
    points: NDArray[np.void]  # dtype POINT, shape (n,)
    units: list[PointUnits]  # shape (n,)
    sources: list[SourcePlan]
    index: dict[int, int] = field(default_factory=dict)  # point id → index

    def __post_init__(self) -> None:
        self.index = {int(p): i for i, p in enumerate(self.points["id"])}


def data_folder() -> Path:
    """Where this deployment keeps everything: SHOUWANG_DATA, else ./var."""
    return Path(os.environ.get("SHOUWANG_DATA", "var")).resolve()


def save(root: Path, plan: Plan) -> Path:
    """Write the plan's own files into its version folder (not yet current). Returns the folder."""
    folder = root / str(plan.version)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "points.npz", points=plan.points)
    (folder / "sources.json").write_bytes(msgspec.json.encode({"sources": plan.sources, "units": plan.units}))
    return folder


def publish(root: Path, version: int) -> None:
    """Make a fully written version the current one, atomically and durably."""
    for written in (root / str(version)).iterdir():
        _sync(written)
    _sync(root / str(version))
    fresh = root / "CURRENT.new"
    with fresh.open("w") as f:
        f.write(str(version))
        f.flush()
        os.fsync(f.fileno())
    fresh.replace(root / "CURRENT")
    _sync(root)


def _sync(path: Path) -> None:
    """A file's bytes, or a folder's names, on disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def current(root: Path) -> int:
    """The published version, 0 when none was published yet."""
    try:
        return int((root / "CURRENT").read_text())
    except FileNotFoundError:
        return 0


class _Wire(msgspec.Struct):
    sources: list[SourcePlan]
    units: list[PointUnits]


def load(root: Path, version: int) -> Plan:
    """Read one version; a missing or broken file raises OSError or msgspec.DecodeError."""
    folder = root / str(version)
    wire = msgspec.json.decode((folder / "sources.json").read_bytes(), type=_Wire)
    with np.load(folder / "points.npz") as z:
        points = z["points"]
    return Plan(version, points, wire.units, wire.sources)
