"""A real product for tests that cross engines: its own data folder and ports, `shouwang up`, a gateway's points."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[1]
T = TypeVar("T")


def free_port() -> int:
    """A port nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(data: Path) -> dict[str, str]:
    """The environment of every process over this data folder: embedded defaults, nothing of the caller's."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SHOUWANG_")}
    return {**kept, "SHOUWANG_DATA": str(data), "SHOUWANG_MQTT_PORT": str(free_port()),
            "SHOUWANG_SECRET_KEY": "tests-only", "DJANGO_SETTINGS_MODULE": "shouwang.settings"}


def django(env: dict[str, str], *command: str) -> None:
    """`python -m django …`."""
    subprocess.run([sys.executable, "-m", "django", *command], env=env, check=True)


def python(env: dict[str, str], code: str, *given: str) -> Any:
    """Run code in the booted product; what it prints last, read as JSON."""
    told = subprocess.run([sys.executable, "-c", f"from shouwang.boot import boot\nboot()\n{code}", *given], env=env,
                          check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(told.stdout.strip().splitlines()[-1])


def attempt(env: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    """A `shouwang` command, whatever comes of it."""
    return subprocess.run([sys.executable, "-m", "shouwang", *command], env=env, capture_output=True, text=True,
                          timeout=120, check=False)


def seed(env: dict[str, str]) -> None:
    """The smallest demo city, with its accounts and rosters and no past."""
    done = attempt(env, "seed", "370800", "--enterprises", "10", "--points", "60", "--past", "0")
    assert done.returncode == 0, done.stderr


def gateway(env: dict[str, str], points: int) -> str:
    """A sample mine's airways 测量000 … with one methane point each; the token of their gateway."""
    told = subprocess.run([sys.executable, str(ROOT / "bench/gateway.py"), str(points)], env=env, check=True,
                          stdout=subprocess.PIPE)
    return str(json.loads(told.stdout)["token"])


def start(env: dict[str, str], port: int) -> subprocess.Popen[bytes]:
    """`shouwang up` without a demo city; ready when /healthz says so."""
    told = Path(env["SHOUWANG_DATA"]) / "run" / "pids.json"
    told.unlink(missing_ok=True)
    up = subprocess.Popen([sys.executable, "-m", "shouwang", "up", "--demo", "", "--port", str(port)], env=env,
                          stdout=subprocess.DEVNULL)
    try:
        until(lambda: _healthy(up, port) and told.exists(), 240)
    except BaseException:
        up.terminate()
        raise
    return up


def _healthy(up: subprocess.Popen[bytes], port: int) -> bool:
    assert up.poll() is None, f"shouwang up ended with {up.returncode}"
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as line:
            line.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return b" 200 " in line.recv(100).split(b"\r\n")[0]
    except OSError:
        return False


@contextmanager
def running(env: dict[str, str]) -> Iterator[int]:
    """`shouwang up`, ended politely; gives the port of its pages."""
    port = free_port()
    up = start(env, port)
    try:
        yield port
    finally:
        up.terminate()
        assert up.wait(30) == 0


@contextmanager
def crew(env: dict[str, str], *verbs: str | tuple[str, ...]) -> Iterator[None]:
    """Single processes of the product, at work (ingest and beat say so), ended politely."""
    data = Path(env["SHOUWANG_DATA"])
    commands = [(v,) if isinstance(v, str) else v for v in verbs]
    processes = [subprocess.Popen([sys.executable, "-m", "shouwang", *command], env=env) for command in commands]
    try:
        for verb in {"ingest", "beat"} & {command[0] for command in commands}:
            until((data / "run" / f"{verb}.json").exists)
        yield
    finally:
        for process in processes:
            process.terminate()
        ended = [process.wait(30) for process in processes]
    assert set(ended) <= {0, -signal.SIGTERM}, ended  # uvicorn ends by the signal it was told with


def pids(data: Path) -> dict[str, int]:
    """Verb → process id, as the supervisor tells."""
    told: dict[str, int] = json.loads((data / "run" / "pids.json").read_text())
    return told


def mqtt_port(data: Path) -> int:
    """The port the MQTT endpoint really has."""
    return int(json.loads((data / "run" / "ingest.json").read_text())["mqtt"])


def rows(data: Path, sql: str, *given: object) -> list[tuple[Any, ...]]:
    """A question to the database."""
    db = sqlite3.connect(f"file:{data / 'shouwang.db'}?mode=ro", uri=True, timeout=30)
    try:
        return db.execute(sql, given).fetchall()
    finally:
        db.close()


def until(what: Callable[[], T], within: float = 120) -> T:
    """Ask again and again until the answer is true; fails after `within` seconds."""
    end = time.monotonic() + within
    while not (got := what()):
        assert time.monotonic() < end, f"{within} s went by"
        time.sleep(0.1)
    return got
