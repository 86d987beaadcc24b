"""HTTP ingest through a real server on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from shouwang.drivers.http.app import app, claims
from shouwang.drivers.http.submit import Reply, Submit, submitter
from shouwang.drivers.limits import DEFAULT, Limits
from shouwang.drivers.tests.desk import DEVICE, Desk, free_port, run, until
from shouwang.engines.telemetry import control
from shouwang.engines.telemetry.control import AsyncClient, remote_submit


@asynccontextmanager
async def server(desk: Desk, limits: Limits = DEFAULT,
                 submit: Submit | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """uvicorn with the app over this intake, and a client of it."""
    port = free_port()
    running = uvicorn.Server(uvicorn.Config(app(submit or submitter(desk, limits), limits), port=port,
                                            log_level="error", lifespan="off", access_log=False))
    task = asyncio.ensure_future(running.serve())
    await until(lambda: running.started)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=10) as client:
        yield client
    running.should_exit = True
    await task


def test_readings_are_answered_only_once_durable() -> None:
    async def story() -> None:
        desk = Desk(instant=False)
        async with server(desk) as client:
            asked = asyncio.ensure_future(client.post(f"/{DEVICE}/telemetry", json={"level": 7, "x": 1}))
            await until(lambda: desk.waiting)
            await asyncio.sleep(0.05)  # time enough for an early answer to arrive
            assert not asked.done()
            desk.durable()
            answer = await asked
            assert (answer.status_code, answer.json()) == (200, {"taken": 1, "refused": {"unknown_key": 1}})
            assert desk.values == [(4, 7)]
    run(story)


@pytest.mark.parametrize(("method", "path", "body", "status"), [
    ("POST", f"/{DEVICE}/attributes", b'{"firmware":"1.2"}', 200),
    ("POST", f"/{DEVICE}/telemetry", b'[{"ts":1,"values":{"level":1}}]', 200),
    ("POST", "/wrong/telemetry", b'{"level":1}', 401),
    ("POST", f"/{DEVICE}/telemetry", b'{"level":', 400),
    ("POST", f"/{DEVICE}/telemetry", b"", 400),
    ("POST", f"/{DEVICE}/telemetry", b"7", 400),
    ("POST", f"/{DEVICE}/telemetry", b" " * 5000, 413),
    ("GET", f"/{DEVICE}/attributes?clientKeys=a", b"", 200),
    ("GET", "/wrong/attributes", b"", 401),
    ("GET", f"/{DEVICE}/rpc?timeout=50", b"", 408),
    ("GET", f"/{DEVICE}/telemetry", b"", 405),
    ("PUT", f"/{DEVICE}/telemetry", b"{}", 405),
    ("POST", f"/{DEVICE}/elsewhere", b"{}", 404),
])
def test_every_request_gets_its_answer(method: str, path: str, body: bytes, status: int) -> None:
    async def story() -> None:
        async with server(Desk(), Limits(max_packet=4096)) as client:
            answer = await client.request(method, path, content=body)
            assert answer.status_code == status, answer.text
            if status >= 400:
                assert any("一" <= c <= "鿿" for c in answer.json()["message"])
    run(story)


def test_a_body_without_declared_length_is_cut_off_too() -> None:
    async def story() -> None:
        async def endless() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b" " * 1000

        async with server(Desk(), Limits(max_packet=4096)) as client:
            assert (await client.post(f"/{DEVICE}/telemetry", content=endless())).status_code == 413
    run(story)


def test_failed_tokens_make_the_address_wait_but_not_its_known_devices() -> None:
    async def story() -> None:
        desk = Desk()
        async with server(desk, Limits(failures=3, failures_within=1000)) as client:
            statuses = [(await client.post(f"/{t}/telemetry", json={"level": 1})).status_code
                        for t in (DEVICE, "w1", "w2", "w3", "w4", DEVICE)]
            assert statuses == [200, 401, 401, 401, 429, 200]
            assert len(desk.taken) == 2
            assert "w1" not in str(desk.refused)
    run(story)


def test_a_full_intake_asks_to_come_again() -> None:
    async def story() -> None:
        desk = Desk()
        desk.full = True
        async with server(desk) as client:
            answer = await client.post(f"/{DEVICE}/telemetry", json={"level": 1})
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    run(story)


def test_it_works_through_the_control_socket_and_says_when_ingest_is_down(tmp_path: Path) -> None:
    async def story() -> None:
        desk, path = Desk(), tmp_path / "ingest.sock"
        client = AsyncClient(path)
        listening = await control.serve(path, {"submit": submitter(desk)})
        async with server(desk, submit=remote_submit(client, Reply)) as web:
            answer = await web.post(f"/{DEVICE}/telemetry", json={"level": 7})
            assert (answer.status_code, answer.json()["taken"]) == (200, 1)
            assert (await web.post("/wrong/telemetry", json={"level": 7})).status_code == 401
            assert desk.values == [(4, 7)]
            listening.close()
            await client.close()
            path.unlink(missing_ok=True)
            assert (await web.post(f"/{DEVICE}/telemetry", json={"level": 8})).status_code == 503
    run(story)


def test_the_token_never_reaches_the_excerpts() -> None:
    async def story() -> None:
        desk = Desk()
        async with server(desk) as client:
            await client.post(f"/{DEVICE}/telemetry", content=f'{{"token":"{DEVICE}", broken')
            await client.post(f"/{DEVICE}/telemetry", json={DEVICE: 1, "level": DEVICE})
            assert desk.reasons() == ["malformed", "unknown_key", "not_a_number"]
            assert DEVICE not in str(desk.refused)
    run(story)


def test_the_web_process_knows_which_paths_are_ours() -> None:
    paths: dict[str, Any] = {"/api/v1/t/telemetry": True, "/api/v1/t/attributes": True, "/api/v1/t/rpc/3": True,
                             "/api/v1/points/": False, "/api/openapi.json": False, "/api/v1/a/b/telemetry": False}
    assert {path: claims(path) for path in paths} == paths
