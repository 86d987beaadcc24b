"""Alerts come into a real folder and become the severity of each area."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shouwang.drivers import folder as folders
from shouwang.drivers.cap import serve
from shouwang.drivers.cap import simulate as sim
from shouwang.drivers.configured import Setting
from shouwang.drivers.limits import DEFAULT
from shouwang.drivers.tests.desk import Desk, run, until
from shouwang.engines.telemetry import quality
from shouwang.engines.telemetry.plan import POINT, Plan, PointUnits, SourcePlan
from shouwang.kernel import clock

NOW = datetime(2026, 9, 23, 2, 0, tzinfo=UTC)
AREAS = ("330206", "330203", "330205")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(folders, "SCAN", 0.01)
    with clock.at(NOW):
        yield


def desk(instant: bool = True) -> Desk:
    """An intake that knows three districts."""
    one = Desk(instant)
    source = SourcePlan("气象预警", "gateway", "", {area: {"severity": n} for n, area in enumerate(AREAS)})
    one.plan = Plan(1, np.zeros(len(AREAS), POINT), [PointUnits("", {})] * len(AREAS), [source])
    return one


@asynccontextmanager
async def watching(intake: Desk, folder: Path, **options: Any) -> AsyncIterator[None]:
    """A running watch of a folder."""
    running = await serve(intake, Setting("cap", "气象预警", options={"folder": str(folder), **options}), DEFAULT)
    try:
        yield
    finally:
        await running.close()


def files(folder: Path) -> list[str]:
    """The files of a folder."""
    return sorted(p.name for p in folder.iterdir() if p.is_file())


def at(minutes: int) -> datetime:
    """Some minutes before now."""
    return NOW - timedelta(minutes=minutes)


def reference(identifier: str, minutes: int) -> str:
    """How another alert is referred to."""
    return f"{sim.SENDER},{identifier},{at(minutes).isoformat()}"


def test_an_alert_its_update_and_its_cancel(tmp_path: Path) -> None:
    async def story() -> None:
        intake = desk()

        async def comes(name: str, content: str) -> list[tuple[int, int, int]]:
            before = len(intake.taken)
            sim.put(tmp_path, name, content)
            await until(lambda: name in files(tmp_path / "done"))
            return [(point, v, q) for _, point, _, v, q in intake.taken[before:]]

        async with watching(intake, tmp_path, geocode="GB/T 2260"):
            first = sim.alert("a", at(9), AREAS[:2], "Severe")
            assert await comes("1.cap", first) == [(0, 3, quality.GOOD), (1, 3, quality.GOOD)]
            update = sim.alert("b", at(6), AREAS[:1], "Extreme", "Update", references=reference("a", 9))
            assert sorted(await comes("2.cap", update)) == [(0, 4, quality.GOOD), (1, 0, quality.GOOD)]
            cancel = sim.alert("c", at(3), [], kind="Cancel", references=reference("b", 6))
            assert sorted(await comes("3.cap", cancel)) == [(0, 0, quality.GOOD), (1, 0, quality.GOOD)]
            assert await comes("4.cap", sim.alert("d", at(2), AREAS[2:], "Unknown")) == [(2, 0, quality.NO_DATA)]
            over = sim.alert("e", at(1), AREAS[2:], "Minor", response="AllClear")
            assert await comes("5.cap", over) == [(2, 0, quality.GOOD)]
        assert intake.reasons() == ["empty"]
        assert intake.taken[0][2] == int(at(9).timestamp() * 1000)
    run(story)


def test_exercises_receipts_and_alerts_without_codes_bring_no_reading_and_are_counted(tmp_path: Path) -> None:
    async def story() -> None:
        intake = desk()
        async with watching(intake, tmp_path):
            sim.put(tmp_path, "1.cap", sim.alert("a", at(1), AREAS, status="Exercise"))
            sim.put(tmp_path, "2.cap", sim.alert("b", at(1), AREAS, kind="Ack"))
            sim.put(tmp_path, "3.cap", sim.alert("c", at(1), []))
            feed = ("<feed xmlns='http://www.w3.org/2005/Atom'><id>i</id><title>t</title><updated>u</updated><entry>"
                    "<id>1</id><title>t</title><updated>u</updated><link href='http://x.example/1'/></entry></feed>")
            sim.put(tmp_path, "4.atom", feed)
            await until(lambda: len(files(tmp_path / "done")) == 4)
        assert intake.reasons() == ["not_actual", "not_an_alert", "no_geocode", "link_only"]
        assert intake.taken == []
    run(story)


def test_half_a_document_waits_and_one_that_stays_broken_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        intake = desk()
        whole = sim.alert("a", at(1), AREAS[:1])
        half = sim.put(tmp_path, "half.cap", whole[:-5])
        broken = sim.put(tmp_path, "broken.cap", whole[:-5])
        invalid = sim.put(tmp_path, "invalid.cap", whole.replace("<scope>Public</scope>", ""))
        os.utime(half, (NOW.timestamp() - 30,) * 2)
        os.utime(broken, (NOW.timestamp() - 90,) * 2)
        async with watching(intake, tmp_path):
            await until(lambda: files(tmp_path / "refused") == [broken.name, invalid.name])
            assert half.exists()
            half.write_text(whole, "utf8")
            await until(lambda: files(tmp_path / "done") == [half.name])
        assert sorted(intake.reasons()) == ["bad_alert", "malformed"]
        assert len(intake.taken) == 1
    run(story)


def test_a_document_stays_until_its_readings_are_durable(tmp_path: Path) -> None:
    async def story() -> None:
        intake = desk(instant=False)
        async with watching(intake, tmp_path):
            path = sim.put(tmp_path, "1.cap", sim.alert("a", at(1), AREAS[:1]))
            await until(lambda: intake.waiting)
            assert path.exists()
            intake.durable()
            assert files(tmp_path / "done") == ["1.cap"]
    run(story)
