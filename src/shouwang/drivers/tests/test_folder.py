"""What holds for every watched folder: one bad file costs itself, a file that cannot be moved is not read again."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from shouwang.drivers import folder as folders
from shouwang.drivers.configured import Setting
from shouwang.drivers.folder import Addresses, Batch, Folder
from shouwang.drivers.limits import DEFAULT
from shouwang.drivers.rows import Row
from shouwang.drivers.tests.desk import Desk, run, until
from shouwang.kernel.errors import BadInput


class Lines:
    """One number a file; a file named `trap` is a fault of the reader's own."""

    def order(self, name: str) -> tuple[str, ...]:
        return (name,)

    def read(self, name: str, raw: bytes, age: float, now: int, addresses: Addresses) -> Batch | None:
        if name == "trap":
            raise RuntimeError("陷阱")
        return Batch([Row("Tank A", now, {"level": raw.decode()})])


@asynccontextmanager
async def watching(intake: Desk, path: Path, **options: Any) -> AsyncIterator[Folder]:
    """A running watch for 甲厂网关."""
    setting = Setting("lines", "甲厂网关", options={"folder": str(path), **options})
    watch = Folder(intake, setting, DEFAULT, Lines())
    try:
        yield watch
    finally:
        await watch.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "SCAN", 0.01)


def files(path: Path) -> list[str]:
    """The names in a folder that are files or links."""
    return sorted(p.name for p in path.iterdir() if p.is_symlink() or not p.is_dir())


def test_a_fault_of_the_reader_and_a_file_too_big_cost_themselves_only(tmp_path: Path) -> None:
    async def story() -> None:
        intake = Desk()
        for name, content in (("a", "1"), ("huge", "1" * 100), ("trap", "1"), ("z", "2")):
            (tmp_path / name).write_text(content)
        async with watching(intake, tmp_path, max_file=99):
            await until(lambda: files(tmp_path) == [])
        assert files(tmp_path / "done") == ["a", "z"]
        assert files(tmp_path / "refused") == ["huge", "trap"]
        assert intake.reasons() == ["packet_too_big", "internal"]
        assert [v for _, v in intake.values] == [100, 200]
    run(story)


def test_pipes_and_links_are_never_opened(tmp_path: Path) -> None:
    async def story() -> None:
        intake = Desk()
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "link").symlink_to("/etc/passwd")
        (tmp_path / "nowhere").symlink_to("/nowhere")
        async with watching(intake, tmp_path):
            await until(lambda: files(tmp_path) == [])
        assert files(tmp_path / "refused") == ["link", "nowhere", "pipe"]
        assert intake.reasons() == ["not_a_file"] * 3
        assert intake.taken == []
    run(story)


def test_a_file_that_cannot_be_moved_is_taken_once_and_moved_when_it_can(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        intake, tries = Desk(), []

        def refuse(self: Path, target: Path) -> None:
            tries.append(target)
            raise PermissionError(13, "no", str(self))

        (tmp_path / "a").write_text("1")
        async with watching(intake, tmp_path):
            with monkeypatch.context() as patch:
                patch.setattr(Path, "rename", refuse)
                await until(lambda: len(tries) > 2)
            await until(lambda: files(tmp_path / "done") == ["a"])
        assert len(intake.taken) == 1
    run(story)


def test_much_that_is_not_durable_stops_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        intake = Desk(instant=False)
        for n in range(6):
            (tmp_path / f"f{n}").write_text("1")
        async with watching(intake, tmp_path) as watch:
            watch.limits = type(DEFAULT)(undurable=2)
            await until(lambda: len(intake.taken) == 3)
            for _ in range(5):
                await watch.scan()
            assert len(intake.taken) == 3
            watch.limits = DEFAULT
            await until(lambda: len(intake.taken) == 6)
            intake.durable()
            assert len(files(tmp_path / "done")) == 6
    run(story)


def test_without_a_folder_the_remedy_is_told() -> None:
    with pytest.raises(BadInput, match=r"options\.folder"):
        folders.path_of(Setting("cap", "气象预警"))


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        (tmp_path / "file").write_text("x")
        with pytest.raises(BadInput, match="不能使用"):
            async with watching(Desk(), tmp_path / "file"):
                pass
    run(story)
