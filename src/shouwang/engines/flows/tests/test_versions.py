"""An open matter finishes under the text it began with, whatever the scene says since."""

from pathlib import Path

import pytest

from shouwang.engines.flows import move, versions
from shouwang.engines.flows.models import Matter
from shouwang.kernel.models import SpecVersion

from .conftest import Cast, alert, only, read_anew, write_scene
from .test_move import FORM

pytestmark = pytest.mark.django_db
SHORTER = """\
- id: warning
  title: 新流程
  start: look
  states:
    look: {title: 看一眼, by: safety_manager, within: 5m, acts: {done: {title: 看过, to: closed}}}
    closed: {title: 完, end: done}
"""


def test_场景改了流程_在办事项仍按原来的走完(cast: Cast, scene: Path) -> None:
    alert(cast.tank)
    old = only()
    write_scene(scene.parent, flows=SHORTER)
    read_anew(scene)
    assert set(versions.state_of(only()).acts) == {"submit"}
    old = move.act(move.act(only(), "submit", cast.manager, FORM), "accept", cast.county, {})
    assert old.state == "closed"

    alert(cast.tank)
    new = Matter.objects.select_related("version").get(closed_at=None)
    assert new.state == "look"
    assert new.version_id != old.version_id
    assert move.act(new, "done", cast.manager).state == "closed"


def test_同一文本只存一份(cast: Cast) -> None:
    alert(cast.tank)
    alert(cast.tank, about="alert:2")
    assert SpecVersion.objects.count() == 1
    row = SpecVersion.objects.get()
    assert (row.kind, row.key, len(row.digest)) == ("flows", "trial.warning", 64)
