"""The loop itself: a step that fails rests, the others go on; the plan follows its sources; the heartbeat tells."""

import json
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from shouwang.engines.subjects.models import Point, Subject
from shouwang.engines.telemetry.models import Channel, Source
from shouwang.kernel import clock
from shouwang.kernel.models import Param
from shouwang.surfaces.cli.beat import Beat, Step, change_stamp

pytestmark = pytest.mark.django_db


def test_a_failing_step_rests_and_the_others_go_on(tmp_path: Path) -> None:
    ran: list[str] = []

    def fail() -> int:
        ran.append("fail")
        raise RuntimeError("没接上")

    beat = Beat(tmp_path)
    beat.steps = [Step("fail", 0.0, fail), Step("work", 0.0, lambda: ran.append("work") or 1)]
    for _ in range(5):
        assert beat.round() is False
    assert ran == ["fail", *["work"] * 5]
    failed = beat.steps[0]
    assert (failed.failures, failed.error) == (1, "RuntimeError: 没接上")
    failed.next_at = 0.0
    beat.round()
    assert failed.failures == 2
    assert failed.next_at - time.monotonic() > 1.5  # longer each time


def test_a_full_page_asks_for_more_at_once(tmp_path: Path) -> None:
    left = [3, 3, 1]
    step = Step("pages", 60.0, lambda: left.pop(0), page=3)
    assert [step.run_if_due() for _ in range(4)] == [True, True, False, False]
    assert left == []
    assert step.done == 7


def test_the_stamp_changes_with_everything_a_plan_is_made_of() -> None:
    seen = {str(change_stamp())}

    def changed() -> bool:
        before = len(seen)
        seen.add(str(change_stamp()))
        return len(seen) > before

    assert not changed()
    tank = Subject.objects.create(kind="tank", code="T", name="罐", region="37")
    assert changed()
    point = Point.objects.create(subject=tank, code="P", name="液位", quantity="level", unit="%", h=80)
    assert changed()
    point.h = 70
    point.save()
    assert changed()
    source = Source.objects.create(name="网关", token_hash="0")
    assert changed()
    channel = Channel.objects.create(point=point, source=source, device="d", key="level")
    assert changed()
    Channel.objects.filter(pk=channel.pk).update(key="level_2")
    assert changed()
    Source.objects.update(enabled=False)
    assert changed()
    row = Param.objects.create(path="a.b", since="2026-01-01", value=1, basis="x", proposed_by="a")
    assert not changed()  # proposed only
    Param.objects.filter(pk=row.pk).update(approved_by="b", approved_at=clock.now())
    assert changed()
    with clock.at(clock.now() + timedelta(days=1)):
        assert changed()


def test_the_heartbeat_tells_lags_and_errors(tmp_path: Path) -> None:
    beat = Beat(tmp_path)
    beat.steps = [Step("fail", 0.0, lambda: 1 // 0)]
    beat.round()
    beat.tell()
    told = json.loads((tmp_path / "run" / "beat.json").read_text("utf8"))
    assert set(told["lag"]) == {"errand_s", "delivery_s", "journal"}
    assert told["steps"]["fail"]["error"].startswith("ZeroDivisionError")
    assert connection.is_usable()
