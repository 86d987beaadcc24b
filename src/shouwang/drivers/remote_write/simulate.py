"""A sender: one gauge of one instance, once a second.

    python -m shouwang.drivers.remote_write.simulate --port 9201 --token TOKEN --instance T101 --metric level
"""

import argparse
import time
from typing import Any

import httpx

from shouwang.kernel import clock

from .app import PATH
from .packet import NAME, packed

HEADERS = {"content-type": "application/x-protobuf", "content-encoding": "snappy",
           "x-prometheus-remote-write-version": "0.1.0"}


def series(labels: dict[str, str], *samples: tuple[int, float]) -> dict[str, Any]:
    """One series of a request: labels, (time in ms, value) …"""
    return {"labels": [{"name": name, "value": value} for name, value in sorted(labels.items())],
            "samples": [{"timestamp": t, "value": v} for t, v in samples]}


def request(*several: dict[str, Any]) -> bytes:
    """The body of a request."""
    return packed({"timeseries": list(several)})


def main() -> None:
    """Send a slow ramp until interrupted."""
    ask = argparse.ArgumentParser(description="Prometheus remote-write 模拟")
    ask.add_argument("--host", default="127.0.0.1")
    ask.add_argument("--port", type=int, required=True)
    ask.add_argument("--token", required=True)
    ask.add_argument("--instance", default="T101")
    ask.add_argument("--metric", default="level")
    given = ask.parse_args()
    labels = {NAME: given.metric, "instance": given.instance}
    with httpx.Client(headers={**HEADERS, "authorization": f"Bearer {given.token}"}) as client:
        for n in range(1_000_000):
            body = request(series(labels, (clock.now_ms(), n % 100 / 2)))
            client.post(f"http://{given.host}:{given.port}{PATH}", content=body).raise_for_status()
            time.sleep(1)


if __name__ == "__main__":
    main()
