"""Packets of the tests: public vectors where they are at hand, and a few typed in."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from shouwang.drivers.gb26875.packet import SEND, Frame, pack

REPO = Path(__file__).parents[5]
VECTORS = Path(os.environ.get("SHOUWANG_SHARED", REPO.parent / "shared")) / "vectors" / "gb26875.dev.json"
SOURCE = "0000000a0b0c"
TARGET = "010203040506"


def vectors() -> list[dict[str, Any]]:
    """The public vectors of GB/T 26875.3, kept outside the project; the test skips saying so when they are absent."""
    if not VECTORS.exists():
        pytest.skip(f"没有 {VECTORS}:用 SHOUWANG_SHARED 指明它的位置")
    return list(json.loads(VECTORS.read_text())["vectors"])


def packet(app: str, command: int = SEND, serial: int = 1, source: str = SOURCE, time: str = "081909020715") -> bytes:
    """A packet of a transmitter."""
    return pack(Frame(serial, b"\1\1", bytes.fromhex(time), source, TARGET, command, bytes.fromhex(app)))
