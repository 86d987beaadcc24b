"""Every reason a driver counts by has a title and is explained."""

import re
from pathlib import Path

from shouwang.drivers.reasons import REASONS

DRIVERS = Path(__file__).parents[1]
SOURCES = "".join(f.read_text("utf8") for f in DRIVERS.rglob("*.py")
                  if "tests" not in f.parts and f.name != "reasons.py")


def test_every_reason_used_has_a_title_and_every_title_is_used() -> None:
    used = {reason for reason in REASONS if f'"{reason}"' in SOURCES}
    assert used == set(REASONS)
    called = set(re.findall(r'(?:count|add|_turn_away|Broken)\("(\w+)"', SOURCES))
    called |= set(re.findall(r'refuse\([^"\n]*(?:"HTTP")?[^"\n]*"(\w+)"', SOURCES)) - {"HTTP"}
    assert {"malformed", "keep_alive", "overload", "bad_credentials"} <= called
    assert called <= set(REASONS)


def test_every_reason_is_explained() -> None:
    readme = (DRIVERS / "README.md").read_text("utf8")
    assert [reason for reason in REASONS if f"`{reason}`" not in readme] == []
