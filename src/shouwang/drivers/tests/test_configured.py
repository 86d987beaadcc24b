"""drivers.yaml: what is wrong is named, and a driver that cannot open hinders no other."""

import asyncio
import socket
from pathlib import Path

import pytest

from shouwang.drivers import configured
from shouwang.drivers.limits import DEFAULT
from shouwang.kernel.errors import BadInput, ContentError

from .desk import Desk


def written(folder: Path, text: str) -> Path:
    """A data folder with this drivers.yaml."""
    (folder / configured.FILE).write_text(text, "utf8")
    return folder


def test_no_file_means_no_more_drivers(tmp_path: Path) -> None:
    assert configured.read(tmp_path) == []


@pytest.mark.parametrize(("text", "named"), [
    ("- driver: jt808\n", "source"), ("- driver: nothing\n  source: 甲\n", "第 1 项"),
    ("- driver: jt808\n  source: 甲\n  prot: 6808\n", "prot"), ("- driver: gb28181\n  source: 甲\n", "不能在此配置")])
def test_what_is_wrong_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        configured.read(written(tmp_path, text))
    with pytest.raises(ContentError, match="YAML"):
        configured.read(written(tmp_path, "- [\n"))


def test_a_taken_port_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configured, "RETRY_S", 0.02)

    async def story() -> None:
        desk, taken = Desk(), socket.create_server(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        written(tmp_path, f"- driver: gb26875\n  source: 甲厂网关\n  port: {port}\n")
        opened = await configured.opener(configured.read(tmp_path)[0], DEFAULT)(desk)
        assert isinstance(opened, configured.Retrying)
        assert desk.refused[0][:2] == ("甲厂网关", "not_started")
        taken.close()
        async with asyncio.timeout(10):
            while opened.driver is None:
                await asyncio.sleep(0.01)
        assert opened.driver.port == port  # type: ignore[attr-defined]
        await opened.close()

    asyncio.run(story())
