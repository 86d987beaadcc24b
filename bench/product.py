"""A real product for a measurement: its own data folder, demo city, ports and processes; stopped at the end."""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READY_WITHIN_S = 900


@dataclass
class Product:
    """A running `shouwang up`."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def mqtt(self) -> int:
        """The port its MQTT endpoint really has."""
        return int(json.loads((self.folder / "run" / "ingest.json").read_text())["mqtt"])

    def account(self, username: str) -> dict[str, str]:
        """Name and password of a demo account."""
        told = json.loads((self.folder / "demo_accounts.json").read_text())
        return {"username": username, "password": told["password"]}


def free_port() -> int:
    """A port nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(folder: Path, mqtt: int) -> dict[str, str]:
    """The environment of a product of our own."""
    return {**os.environ, "SHOUWANG_DATA": str(folder), "SHOUWANG_MQTT_PORT": str(mqtt), "SHOUWANG_MODE": "demo"}


@contextmanager
def running(city: Path | None = None, demo: str = "370800") -> Iterator[Product]:
    """`shouwang up` until ready (healthz), stopped afterwards. `city` is a seeded data folder to work on a copy of."""
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as scratch:
        where = Path(scratch) / "city"
        if city:
            shutil.copytree(city, where, ignore=shutil.ignore_patterns("*.sock"))
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", "shouwang", "up", "--demo", demo, "--port", str(port)],
            env=environment(where, free_port()), stdout=subprocess.DEVNULL, start_new_session=True)
        product = Product(where, port, process)
        try:
            wait_ready(product)
            yield product
        finally:
            process.terminate()
            process.wait(30)


def wait_ready(product: Product) -> None:
    """Until /healthz answers 200, or fail with what it said last."""
    until, said = time.monotonic() + READY_WITHIN_S, ""
    while time.monotonic() < until:
        if product.process.poll() is not None:
            raise RuntimeError(f"product ended with {product.process.returncode}")
        try:
            with urllib.request.urlopen(f"{product.url}/healthz", timeout=5) as reply:
                if reply.status == 200:
                    return
        except urllib.error.HTTPError as wrong:
            said = wrong.read().decode(errors="replace")
        except OSError as wrong:
            said = str(wrong)
        time.sleep(0.2)
    raise RuntimeError(f"not ready: {said}")


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = next((ln.split(":", 1)[1].strip() for ln in Path("/proc/cpuinfo").read_text().splitlines()
                  if ln.startswith("model name")), platform.processor())
    memory = next(int(ln.split()[1]) for ln in Path("/proc/meminfo").read_text().splitlines()
                  if ln.startswith("MemTotal")) // 1024
    return {"cpu": model, "cores": os.cpu_count(), "memory_mb": memory, "python": platform.python_version(),
            "kernel": platform.release()}


def percentiles(ms: list[float]) -> dict[str, float]:
    """count, p50, p99 and max of a list of milliseconds."""
    if not ms:
        return {"count": 0}
    ordered = sorted(ms)
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * q))] for q in (0.5, 0.99)]
    told = {"p50_ms": at[0], "p99_ms": at[1], "max_ms": ordered[-1]}
    return {"count": len(ordered)} | {name: round(value, 1) for name, value in told.items()}
