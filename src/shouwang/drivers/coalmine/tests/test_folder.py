"""Files come into a real folder; the intake's disk is the test's."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shouwang.drivers import folder as folders
from shouwang.drivers.coalmine import serve
from shouwang.drivers.coalmine import simulate as sim
from shouwang.drivers.configured import Setting
from shouwang.drivers.folder import Folder
from shouwang.drivers.limits import DEFAULT
from shouwang.drivers.tests.desk import Desk, run, until
from shouwang.engines.telemetry import quality
from shouwang.engines.telemetry.plan import POINT, Plan, PointUnits, SourcePlan
from shouwang.kernel import clock

NOW = datetime(2026, 9, 23, 10, 14, tzinfo=clock.LOCAL)
AREA = f"{sim.MINE}0001"
KEYS = ("underground", "sos", f"area:{AREA}", f"area:{sim.MINE}0002", *(sim.point(n) for n in range(1, 8)),
        f"{sim.point(1)}:status")
UNDERGROUND, SOS, AREA_1, AREA_2, FIRST = range(5)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(folders, "SCAN", 0.01)
    with clock.at(NOW):
        yield


def desk(instant: bool = True) -> Desk:
    """An intake that knows one mine."""
    one = Desk(instant)
    points = np.zeros(len(KEYS), POINT)
    points["digits"] = [2 if key.startswith(sim.MINE) and ":" not in key else 0 for key in KEYS]
    methane = PointUnits("%CH4", {"%": (1.0, 0.0)})
    source = SourcePlan("甲矿", "gateway", "", {sim.MINE: {key: i for i, key in enumerate(KEYS)}})
    one.plan = Plan(1, points, [methane] * len(KEYS), [source])
    return one


@asynccontextmanager
async def watching(intake: Desk, folder: Path, **options: Any) -> AsyncIterator[Folder]:
    """A running watch of a folder."""
    setting = Setting("coalmine", "甲矿", options={"folder": str(folder), **options})
    running = await serve(intake, setting, DEFAULT)
    assert isinstance(running, Folder)
    try:
        yield running
    finally:
        await running.close()


def at(seconds: float = 0) -> datetime:
    """A little before now."""
    return NOW - timedelta(seconds=60) + timedelta(seconds=seconds)


def names(folder: Path) -> list[str]:
    """The files of a folder that are not hidden."""
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith(".") and (p.is_symlink() or p.is_file()))


def values(intake: Desk) -> dict[int, tuple[int, int]]:
    """point → (scaled value, quality), the latest."""
    return {point: (v, q) for _, point, _, v, q in intake.taken}


def test_a_file_is_moved_only_when_its_readings_are_durable(tmp_path: Path) -> None:
    async def story() -> None:
        intake = desk(instant=False)
        async with watching(intake, tmp_path):
            path = sim.put(tmp_path, "CDSS", at(), sim.cdss(at(), [("0.35", 0)]))
            await until(lambda: intake.waiting)
            assert path.exists()
            assert names(tmp_path / "done") == []
            assert len(intake.taken) == 2  # the value, and the status that is registered; offered once
            intake.durable()
            assert not path.exists()
            assert names(tmp_path / "done") == [path.name]
        assert [event for _, event in intake.events] == ["connected", "disconnected"]
    run(story)


def test_status_bits_say_what_a_value_is_worth_and_an_empty_one_is_no_data(tmp_path: Path) -> None:
    async def story() -> None:
        intake = desk()
        said = [("1.12", 1), ("2.00", 4), ("9.99", 8), ("", 128), ("0.10", 16), ("0.20", 32), ("2.50", 5)]
        async with watching(intake, tmp_path):
            sim.put(tmp_path, "CDSS", at(), sim.cdss(at(), said))
            await until(lambda: names(tmp_path / "done"))
        got = values(intake)
        assert [got[FIRST + n][1] for n in range(7)] == [
            quality.GOOD, quality.CALIBRATION, quality.OVER_RANGE, quality.NO_DATA, quality.FAULT, quality.NO_DATA,
            quality.CALIBRATION]
        assert got[FIRST] == (112, quality.GOOD)
        assert got[FIRST + 7] == (1, quality.GOOD)  # :status
    run(story)


def test_a_snapshot_is_everybody_and_an_area_left_by_all_is_empty(tmp_path: Path) -> None:
    async def story() -> None:
        intake = desk()
        async with watching(intake, tmp_path):
            people = [sim.person(1, 1, 1, at()), sim.person(2, 1, 1, at(), "求救"), sim.person(3, 2, 2, at())]
            sim.put(tmp_path, "RYSS", at(), sim.ryss(at(), people))
            await until(lambda: len(names(tmp_path / "done")) == 1)
            assert [values(intake)[k] for k in (UNDERGROUND, SOS, AREA_1, AREA_2)] == [(2, 0), (1, 0), (2, 0), (0, 0)]
            sim.put(tmp_path, "RYSS", at(5), sim.ryss(at(5), []))
            await until(lambda: len(names(tmp_path / "done")) == 2)
            assert [values(intake)[k] for k in (UNDERGROUND, SOS, AREA_1, AREA_2)] == [(0, 0)] * 4
    run(story)


def test_one_bad_record_in_ten_costs_itself_and_makes_the_count_uncertain(tmp_path: Path) -> None:
    async def story() -> None:
        intake = desk()
        async with watching(intake, tmp_path):
            people = [sim.person(n, 1, 1, at()) for n in range(1, 10)]
            sim.put(tmp_path, "RYSS", at(), sim.ryss(at(), [*people, sim.person(10, 1, 1, at())[:3]]))
            await until(lambda: names(tmp_path / "done"))
        assert values(intake)[UNDERGROUND] == (9, quality.UNCERTAIN)
        assert intake.reasons() == ["bad_record"]
    run(story)


def test_more_than_a_fifth_of_bad_records_and_nothing_is_taken(tmp_path: Path) -> None:
    async def story() -> None:
        intake = desk()
        async with watching(intake, tmp_path):
            people = [sim.person(n, 1, 1, at())[:15 if n < 5 else 3] for n in range(1, 7)]
            sim.put(tmp_path, "RYSS", at(), sim.ryss(at(), people))
            await until(lambda: names(tmp_path / "refused"))
        assert (intake.taken, intake.reasons()) == ([], ["too_many_bad"])
    run(story)


def test_an_unfinished_file_waits_and_is_refused_after_ten_minutes_of_rest(tmp_path: Path) -> None:
    async def story() -> None:
        intake = desk()
        whole = sim.cdss(at(), [("0.35", 0)])
        async with watching(intake, tmp_path):
            half = sim.put(tmp_path, "CDSS", at(), whole[:-2])
            late = sim.put(tmp_path, "CDSS", at(1), whole[:-2])
            for path, minutes in ((half, 9), (late, 11)):
                os.utime(path, (NOW.timestamp() - 60 * minutes,) * 2)
            await until(lambda: names(tmp_path / "refused") == [late.name])
            assert half.exists()
            assert intake.taken == []
            half.write_text(whole, "utf8")
            await until(lambda: names(tmp_path / "done") == [half.name])
        assert intake.reasons() == ["incomplete"]
    run(story)


def test_the_same_file_again_is_a_duplicate_even_after_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        intake = desk()
        for n in range(3):
            async with watching(intake, tmp_path):
                path = sim.put(tmp_path, "CDSS", at(), sim.cdss(at(), [("0.35", 0)]))
                await until(lambda: len(names(tmp_path / "done")) == n + 1)  # noqa: B023
        assert names(tmp_path / "done") == [path.name, f"{path.name}.dup1", f"{path.name}.dup2"]
        assert len(intake.taken) == 2
        assert intake.reasons() == ["duplicate"] * 2
    run(story)


def test_a_file_read_but_not_durable_before_a_restart_is_read_again(tmp_path: Path) -> None:
    async def story() -> None:
        path = sim.put(tmp_path, "CDSS", at(), sim.cdss(at(), [("0.35", 0)]))
        lost = desk(instant=False)
        async with watching(lost, tmp_path):
            await until(lambda: lost.waiting)
        intake = desk()
        async with watching(intake, tmp_path):
            await until(lambda: names(tmp_path / "done") == [path.name])
        assert len(intake.taken) == 2
        assert intake.reasons() == []
    run(story)


def test_another_file_that_took_the_name_meanwhile_is_read_too(tmp_path: Path) -> None:
    async def story() -> None:
        intake = desk(instant=False)
        async with watching(intake, tmp_path):
            path = sim.put(tmp_path, "CDSS", at(), sim.cdss(at(), [("0.35", 0)]))
            await until(lambda: intake.waiting)
            sim.put(tmp_path, "CDSS", at(), sim.cdss(at(), [("0.99", 0)]))
            intake.durable()
            assert path.exists()  # it is not the one that is durable
            await until(lambda: intake.waiting)
            intake.durable()
            assert names(tmp_path / "done") == [path.name]
        assert [v for _, point, _, v, _ in intake.taken if point == FIRST] == [35, 99]
    run(story)


def test_an_older_file_only_fills_history_and_a_header_in_the_future_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        intake = desk()
        async with watching(intake, tmp_path):
            sim.put(tmp_path, "RYSS", at(), sim.ryss(at(), [sim.person(1, 1, 1, at())]))
            await until(lambda: len(names(tmp_path / "done")) == 1)
            sim.put(tmp_path, "RYSS", at(-300), sim.ryss(at(-300), []))
            await until(lambda: len(names(tmp_path / "done")) == 2)
            assert intake.reasons() == ["stale"]
            times = [t for _, point, t, _, _ in intake.taken if point == UNDERGROUND]
            assert times == [int(at(s).timestamp() * 1000) for s in (0, -300)]  # each at its own header's time
            sim.put(tmp_path, "RYSS", at(960), sim.ryss(at(960), []))
            await until(lambda: names(tmp_path / "refused"))
        assert intake.reasons() == ["stale", "future"]
    run(story)


def test_links_strange_names_other_mines_and_unknown_types_are_refused_and_hidden_files_left(tmp_path: Path) -> None:
    async def story() -> None:
        intake = desk()
        secret = tmp_path / "secret.txt"
        secret.write_text(sim.cdss(at(), [("0.35", 0)]), "utf8")
        folder = tmp_path / "inbox"
        folder.mkdir()
        (folder / f"{sim.MINE}_CDSS_20260923101319.txt").symlink_to(secret)
        (folder / "read.me").write_text("x")
        (folder / ".DS_Store").write_text("x")
        sim.put(folder, "CDSS", at(), sim.cdss(at(), []), mine="610000000001")
        sim.put(folder, "XXXX", at(), sim.cdss(at(), []))
        (folder / f"{sim.MINE}_CDSS_20260923101320.txt").write_bytes(b"\xff\xfe||")
        async with watching(intake, folder):
            await until(lambda: names(folder) == [] and len(names(folder / "refused")) == 5)
        assert sorted(intake.reasons()) == ["file_name", "malformed", "not_a_file", "other_mine", "unknown_type"]
        assert (folder / "refused" / f"{sim.MINE}_CDSS_20260923101319.txt").is_symlink()
        assert secret.exists()
        assert (folder / ".DS_Store").exists()
        assert intake.taken == []
    run(story)


def test_a_full_intake_is_asked_again_and_nothing_is_lost(tmp_path: Path) -> None:
    async def story() -> None:
        intake = desk()
        intake.full = True
        async with watching(intake, tmp_path) as watch:
            path = sim.put(tmp_path, "CDSS", at(), sim.cdss(at(), [("0.35", 0)]))
            await until(lambda: path.name in watch.afloat)
            assert intake.taken == []
            intake.full = False
            await until(lambda: names(tmp_path / "done") == [path.name])
        assert len(intake.taken) == 2
    run(story)


def test_a_source_not_registered_leaves_the_files_where_they_are(tmp_path: Path) -> None:
    async def story() -> None:
        intake = desk()
        registered = intake.plan
        intake.plan = Plan(0, np.zeros(0, POINT), [], [])
        async with watching(intake, tmp_path):
            path = sim.put(tmp_path, "CDSS", at(), sim.cdss(at(), [("0.35", 0)]))
            await until(lambda: intake.refused)
            assert path.exists()
            intake.plan = registered
            await until(lambda: names(tmp_path / "done") == [path.name])
        assert intake.reasons() == ["unknown_source"]
    run(story)


def test_a_dialect_of_its_own_is_configured(tmp_path: Path) -> None:
    async def story() -> None:
        intake = desk()
        people = sim.ryss(at(), [sim.person(1, 1, 1, at())]).replace("~", "^").replace("||", "]]]")
        async with watching(intake, tmp_path, dialect="noncoal", mine=sim.MINE):
            sim.put(tmp_path, "NRYSS", at(), people)
            await until(lambda: names(tmp_path / "done"))
        assert values(intake)[UNDERGROUND] == (1, quality.GOOD)
    run(story)


def test_the_ledger_survives_a_broken_line(tmp_path: Path) -> None:
    async def story() -> None:
        (tmp_path / ".taken.jsonl").write_text('{"half\n' + json.dumps(["a", "b", "c", "CDSS", 1.0]) + "\n", "utf8")
        intake = desk()
        async with watching(intake, tmp_path):
            sim.put(tmp_path, "CDSS", at(), sim.cdss(at(), [("0.35", 0)]))
            await until(lambda: names(tmp_path / "done"))
        assert len(intake.taken) == 2
    run(story)
