"""What the registry reads: quantities and units, subject kinds, warning levels. Catalog first: a word exists once."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from shouwang.kernel import content
from shouwang.kernel.fields import Field


class Unit(BaseModel):
    """A unit of a quantity: value in the quantity's own unit = given x factor + offset."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    factor: float = 1.0
    offset: float = 0.0


@content.kind("quantities", engine="kernel")
class Quantity(content.Spec):
    """物理量: its own unit, the units it can be converted from, resolution and plausible bounds."""

    unit: str
    units: dict[str, Unit] = {}
    digits: int = 2
    low: float | None = None
    high: float | None = None


@content.kind("kinds", engine="subjects")
class Kind(content.Spec):
    """A kind of subject: where it sits, and which facts are kept about it."""

    under: list[str] = []  # kinds it may belong to; empty for what stands alone
    facts: list[Field] = []
    code: Literal["credit", "free"] = "free"
    measured: bool = False


@content.kind("lines", engine="kernel")
class Line(content.Spec):
    """行业线: the industry a bureau's division looks after; a grant may be held for one line only."""


@content.kind("levels", engine="kernel")
class Level(content.Spec):
    """预警等级, 1 gravest."""

    rank: int
    colour: str


def rank(level: str) -> int:
    """Grave levels have a low rank; unknown levels sink below all."""
    return next((lv.rank for lv in content.every("levels") if lv.id == level), 9)


def graver(one: str, other: str) -> str:
    """The graver of two levels."""
    return one if rank(one) <= rank(other) else other


@content.kind("places", engine="kernel")
class Place(content.Spec):
    """设置地点: where a sensor hangs, in a standard's own classes."""
