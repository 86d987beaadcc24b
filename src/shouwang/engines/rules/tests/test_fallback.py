"""Compiled and plain Python are the same machine."""

import os
import subprocess
import sys

import msgspec
import pytest

from shouwang.engines.rules import kernel, tiers
from shouwang.engines.telemetry.journal import Transition

from . import stream


def plain(seed: int) -> list[Transition]:
    """The same stream in a process without numba."""
    done = subprocess.run([sys.executable, "-m", "shouwang.engines.rules.tests.stream", str(seed)], check=True,
                          capture_output=True, env={**os.environ, "SHOUWANG_NUMBA": "0"}, timeout=120)
    compiled, told = msgspec.json.decode(done.stdout, type=tuple[bool, list[Transition]])
    assert not compiled
    return told


@pytest.mark.skipif(not tiers.COMPILED, reason="没有 numba,只有一种实现")
@pytest.mark.parametrize("seed", [1, 2])
def test_compiled_and_plain_tell_the_same(seed: int) -> None:
    told = stream.run(seed)
    assert {x.kind for x in told} >= {"raised", "upgraded", "downgraded", "cleared", "quality"}
    assert {x.rule for x in told} == {"x.limit", "x.silent", "x.range", "x.rate", "x.flat", "x.count"}
    assert plain(seed) == told


def test_a_full_room_of_events_is_emptied_in_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    once = stream.run(3)
    monkeypatch.setattr(kernel, "ROOM", 1)  # room for one point's checks at a time
    assert stream.run(3) == once
