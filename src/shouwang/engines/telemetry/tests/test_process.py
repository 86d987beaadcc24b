"""The whole process over its socket: values, health, submissions, plan change, clean stop, and being down."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from shouwang.engines.telemetry import control, journal, live

from .cast import T0, make_plan, publish, token

SCRIPT = """
import asyncio, sys
from pathlib import Path
import msgspec
from shouwang.engines.telemetry import process
from shouwang.engines.telemetry.seam import Readings
from shouwang.engines.telemetry.tests.cast import Threshold

class Reply(msgspec.Struct):
    status: int
    text: str = ""

class Deaf:
    port = 4321
    async def close(self): print("closed", flush=True)

async def driver(intake):
    return Deaf()

def submitter(intake):
    async def submit(given, kind, body):
        source = intake.find(given)
        if source is None:
            return Reply(401, "no")
        done = asyncio.get_running_loop().create_future()
        point, t, v = msgspec.json.decode(body)
        intake.offer(source, Readings([point], [t], [v], [0]), lambda: done.set_result(None))
        await done
        return Reply(200)
    return submit

asyncio.run(process.run(Path(sys.argv[1]), Threshold(), {"mqtt": driver}, submitter))
"""


class Reply(msgspec.Struct):
    """As the HTTP driver's."""

    status: int
    text: str = ""


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    publish(tmp_path, make_plan(1))
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)], stdout=subprocess.PIPE)
    until((tmp_path / "run" / "ingest.json").exists)
    yield process
    process.kill()
    process.wait()


def until(holds: object, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end, "timed out"
        time.sleep(0.02)


def submit(client: control.Client, *row: int, who: str = token(0)) -> dict[str, object]:
    told: dict[str, object] = client.call("submit", who, "telemetry", json.dumps(row).encode())
    return told


def test_submitted_readings_are_asked_back(tmp_path: Path, child: subprocess.Popen[bytes],
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOUWANG_DATA", str(tmp_path))
    assert json.loads((tmp_path / "run" / "ingest.json").read_text())["mqtt"] == 4321
    assert oct((tmp_path / "run" / "ingest.sock").stat().st_mode & 0o777) == "0o600"
    client = control.Client(control.path_of(tmp_path))
    until(lambda: client.call("health")["plan"] == 1)
    assert submit(client, 0, T0, 905)["status"] == 200
    assert submit(client, 0, T0, 905, who="stranger")["status"] == 401
    assert live.latest([1001, 1002]) == {1001: live.Live(T0, 90.5, "good"), 1002: None}
    assert live.flush()
    assert [x.kind for x in journal.read_after(tmp_path / "journal", 0)] == ["raised"]
    told = live.health()
    assert (told["running"], told["readings"], told["sources"][0]["readings"]) == (True, 1, 1)
    with pytest.raises(control.Failed, match="不会"):
        client.call("nonsense")
    publish(tmp_path, make_plan(2, first_id=1002))
    until(lambda: client.call("health")["plan"] == 2)
    assert live.latest([1001]) == {1001: None}


def test_many_questions_at_once_are_answered_each_its_own(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    async def story() -> None:
        client = control.AsyncClient(control.path_of(tmp_path))
        while (await client.call("health"))["plan"] != 1:
            await asyncio.sleep(0.02)
        send = control.remote_submit(client, Reply)
        replies = await asyncio.gather(*(send(token(k % 3), "telemetry", json.dumps([k % 6, T0 + k, k]).encode())
                                         for k in range(300)))
        assert [r.status for r in replies] == [401 if k % 3 == 2 else 200 for k in range(300)]
        told = await client.call("latest", [1001, 1002])
        assert told == {1001: [T0 + 294, 29.4, "good"], 1002: [T0 + 295, 29.5, "good"]}
        child.kill()
        child.wait()
        down = await send(token(0), "telemetry", b"[0, 0, 0]")
        assert down.status == 503
        await client.close()

    asyncio.run(story())


def test_stop_is_clean_and_down_is_told_quickly(tmp_path: Path, child: subprocess.Popen[bytes],
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOUWANG_DATA", str(tmp_path))
    client = control.Client(control.path_of(tmp_path))
    until(lambda: client.call("health")["plan"] == 1)
    submit(client, 0, T0, 905)
    child.send_signal(signal.SIGTERM)
    out, _ = child.communicate(timeout=10)
    assert (child.returncode, out) == (0, b"closed\n")
    assert not (tmp_path / "run" / "ingest.json").exists()
    with pytest.raises(control.IngestDown, match="接入进程未运行"):
        client.call("health")
    assert live.latest([1001]) == {1001: None}
    assert live.health()["running"] is False
    assert not live.flush()


def test_a_second_process_over_the_same_folder_is_refused(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    second = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, timeout=20,
                            env={**os.environ, "PYTHONIOENCODING": "utf8"}, check=False)
    assert second.returncode != 0
    assert "只能运行一个" in second.stderr.decode()
    assert child.poll() is None


def test_nonsense_on_the_socket_closes_that_connection_only(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    client = control.Client(control.path_of(tmp_path))
    for raw in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x03abc", b"GET / HTTP/1.1\r\n\r\n"):
        link = client._connect()
        link.settimeout(5)
        link.sendall(raw)
        assert link.recv(10) == b""
        link.close()
    assert client.call("ping") == "pong"
