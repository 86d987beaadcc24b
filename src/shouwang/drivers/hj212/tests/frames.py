"""Frames of the tests: public vectors where they are at hand, and a few typed in."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from shouwang.drivers.hj212.packet import frame

REPO = Path(__file__).parents[5]
VECTORS = Path(os.environ.get("SHOUWANG_SHARED", REPO.parent / "shared")) / "vectors" / "hj212.dev.json"
MN = "010000A8900016F000169DC0"


def vectors() -> list[dict[str, Any]]:
    """The public vectors of HJ 212, kept outside the project; the test skips saying so when they are absent."""
    if not VECTORS.exists():
        pytest.skip(f"没有 {VECTORS}:用 SHOUWANG_SHARED 指明它的位置")
    return list(json.loads(VECTORS.read_text())["vectors"])


def said(cp: str, cn: str = "2011", flag: str = "Flag=5;", qn: str = "20160801085857223", mn: str = MN,
         pw: str = "123456", st: str = "32") -> bytes:
    """A frame of a device."""
    return frame(f"QN={qn};ST={st};CN={cn};PW={pw};MN={mn};{flag}CP=&&{cp}&&")
