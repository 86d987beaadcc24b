"""The READMEs of this engine and of notify name every event, action and measure there is."""

from pathlib import Path

import pytest

from shouwang.engines.flows import read as _measures  # noqa: F401  registers the measures
from shouwang.kernel import events, measures

ENGINES = Path(__file__).parents[2]


@pytest.mark.parametrize("engine", ["flows", "notify"])
def test_说明书不落下任何事件动作指标(engine: str) -> None:
    text = (ENGINES / engine / "README.md").read_text("utf8")
    words = [*events.types(), *events.actions(), *measures.names()]
    own = [w for w in words if w.startswith(f"{engine}.")]
    assert own
    assert [w for w in own if f"`{w}`" not in text] == []
