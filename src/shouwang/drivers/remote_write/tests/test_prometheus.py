"""A real Prometheus scrapes a target and writes to us."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shouwang.drivers.configured import Setting
from shouwang.drivers.limits import DEFAULT
from shouwang.drivers.remote_write import serve
from shouwang.drivers.remote_write.tests.test_write import SOURCE, desk_of, said
from shouwang.drivers.tests.desk import GATEWAY, free_port, run, until
from shouwang.engines.telemetry.quality import GOOD, NO_DATA

pytestmark = pytest.mark.service
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: tank
    static_configs: [{{targets: ["127.0.0.1:{target}"], labels: {{instance: T101}}}}]
remote_write:
  - url: http://127.0.0.1:{port}/api/v1/write
    authorization: {{credentials: {token}}}
    queue_config: {{batch_send_deadline: 100ms, min_backoff: 30ms}}
    metadata_config: {{send_interval: 1s}}
"""


@pytest.fixture(autouse=True)
def _prometheus() -> None:
    if not shutil.which("prometheus"):
        if os.environ.get("CI"):
            pytest.fail("没有 prometheus;请安装")
        pytest.skip("没有 prometheus;请安装后再试,本项未检验")


class Target:
    """What is scraped: a level that can be set."""

    def __init__(self) -> None:
        self.lines = b'level 51.25\npressure{side="in",other="x"} 0.1013\n'
        self.scraped = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\n"
                     b"content-length: %d\r\n\r\n%s" % (len(self.lines), self.lines))
        await writer.drain()
        self.scraped += 1
        writer.close()


@asynccontextmanager
async def prometheus(folder: Path, target: int, port: int) -> AsyncIterator[None]:
    """Prometheus over a folder of its own."""
    (folder / "p.yml").write_text(CONFIG.format(target=target, port=port, token=GATEWAY))
    process = await asyncio.create_subprocess_exec(
        "prometheus", f"--config.file={folder / 'p.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{free_port()}", "--log.level=warn", stderr=asyncio.subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


def test_prometheus_delivers_waits_while_we_are_busy_and_tells_when_a_target_is_gone(tmp_path: Path) -> None:
    async def story() -> None:
        desk, target = desk_of(), Target()
        web = await asyncio.start_server(target.answer, "127.0.0.1", 0)
        running = await serve(desk, Setting("remote_write", SOURCE, options={"key": ["side"]}), DEFAULT)
        async with prometheus(tmp_path, web.sockets[0].getsockname()[1], running.port):
            await until(lambda: {(0, 5125, GOOD), (1, 1013, GOOD)} <= set(said(desk)), 40)
            desk.full = True
            target.lines = b"level 60\n"
            await asyncio.sleep(2.5)  # at least one scrape is turned away
            desk.full = False
            await until(lambda: (0, 6000, GOOD) in said(desk), 20)
            await until(lambda: (1, 0, NO_DATA) in said(desk), 20)
            web.close()
            await web.wait_closed()
            await until(lambda: (0, 0, NO_DATA) in said(desk), 20)
        await running.close()
        levels = [(t, q) for _, point, t, _, q in desk.taken if point == 0]
        assert levels == sorted(levels)
        assert [q for _, q in levels] == [GOOD] * target.scraped + [NO_DATA], "繁忙期间的采样应由 Prometheus 补发"
        assert set(desk.reasons()) <= {"unknown_key"}
    run(story)
