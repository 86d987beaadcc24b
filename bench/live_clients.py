"""How long an alert's row takes to reach N open screens: real uvicorn, real sockets, one JSON line.

    python bench/live_clients.py [--clients 200] [--events 100] [--gap 0.2]
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]


def prepare(data: Path) -> tuple[str, int]:
    """A fresh data folder with one enterprise, one alert and one signed-in supervisor; session key, alert id."""
    os.environ["SHOUWANG_DATA"] = str(data)
    sys.path.insert(0, str(HERE / "src"))
    from shouwang.boot import boot

    boot()
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0)
    from shouwang.surfaces.wall.tests import scenery

    account = scenery.account("bench", "city_supervisor", "3708")
    enterprise = scenery.enterprise("E1", "样例甲厂", "370829")
    return scenery.session(account), scenery.alert(enterprise).pk


def serve(port: int) -> subprocess.Popen[bytes]:
    """The web process on a port of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "shouwang.surfaces.wall.tests.live_app:application", "--port", str(port),
         "--log-level", "error"], env={**os.environ, "PYTHONPATH": str(HERE / "src")})


async def listen(port: int, key: str, got: dict[int, list[float]], ready: asyncio.Event) -> None:
    """One screen: note when each event arrives."""
    for _ in range(100):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except OSError:
            await asyncio.sleep(0.2)
    writer.write(f"GET /live/stream HTTP/1.1\r\nHost: localhost\r\nCookie: sessionid={key}\r\n\r\n".encode())
    while line := await reader.readline():
        if line.startswith(b"event: hello"):
            ready.set()
        if line.startswith(b"id: "):
            got.setdefault(int(line[4:]), []).append(time.perf_counter())


async def measure(port: int, key: str, alert: int, args: argparse.Namespace) -> dict[str, object]:
    """Open the screens, insert events one by one, compare the clocks (same machine, same clock)."""
    from asgiref.sync import sync_to_async

    from shouwang.kernel import clock
    from shouwang.kernel.models import Event

    got: dict[int, list[float]] = {}
    flags = [asyncio.Event() for _ in range(args.clients)]
    tasks = [asyncio.create_task(listen(port, key, got, f)) for f in flags]
    await asyncio.gather(*(f.wait() for f in flags))
    sent: dict[int, float] = {}
    for _ in range(args.events):
        event = Event(at=clock.now(), type="rules.alert_raised", about=f"alert:{alert}", data={"level": "red"})
        await sync_to_async(event.save)()
        sent[event.pk] = time.perf_counter()
        await asyncio.sleep(args.gap)
    await asyncio.sleep(1.5)
    for task in tasks:
        task.cancel()
    took = sorted(1000 * (t - sent[pk]) for pk, times in got.items() if pk in sent for t in times)
    n = len(took)
    return {"clients": args.clients, "events": args.events, "expected": args.clients * args.events, "received": n,
            "p50_ms": round(took[n // 2], 1), "p99_ms": round(took[int(n * 0.99)], 1), "max_ms": round(took[-1], 1)}


def main() -> None:
    """Measure and print one JSON line."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--clients", type=int, default=200)
    given.add_argument("--events", type=int, default=100)
    given.add_argument("--gap", type=float, default=0.2)
    given.add_argument("--port", type=int, default=8797)
    args = given.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        key, alert = prepare(Path(folder))
        server = serve(args.port)
        try:
            print(json.dumps(asyncio.run(measure(args.port, key, alert, args))))
        finally:
            server.terminate()
            server.wait(10)


if __name__ == "__main__":
    main()
