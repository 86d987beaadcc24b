"""The same workload on Prometheus and Alertmanager: 17,001 gauges each 5 s, over-limit to webhook."""

import http.server
import json
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from product import free_port

CADENCE_S = 5


def available() -> bool:
    """Whether both Debian packages are here."""
    return bool(shutil.which("prometheus") and shutil.which("prometheus-alertmanager"))


class Exporter:
    """Gauges with a limit each, scraped over HTTP; a webhook beside them notes when each alert arrives."""

    def __init__(self, points: int) -> None:
        self.values = [50.0] * points
        self.arrived: dict[str, float] = {}
        exporter = self

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                lines = [f'reading{{point="p{i}"}} {v}' for i, v in enumerate(exporter.values)]
                lines += [f'upper{{point="p{i}"}} 100' for i in range(len(exporter.values))]
                body = ("\n".join(lines) + "\n").encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                now = time.time()
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in told["alerts"]:
                    if alert["status"] == "firing":
                        exporter.arrived.setdefault(alert["labels"]["point"], now)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def configuration(folder: Path, exporter: int, alertmanager: int) -> None:
    """Scrape as often as points report, evaluate each second, notify without waiting."""
    (folder / "rules.yml").write_text(
        "groups:\n- name: limits\n  interval: 1s\n  rules:\n"
        "  - alert: over\n    expr: reading >= on(point) upper\n")
    (folder / "prometheus.yml").write_text(
        f"global: {{scrape_interval: {CADENCE_S}s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\n"
        f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]}}\n"
        f"scrape_configs: [{{job_name: city, static_configs: [{{targets: ['127.0.0.1:{exporter}']}}]}}]\n")
    (folder / "alertmanager.yml").write_text(
        f"route: {{receiver: desk, group_by: [point], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}\n"
        "receivers: [{name: desk, webhook_configs: "
        f"[{{url: 'http://127.0.0.1:{exporter}/', send_resolved: false}}]}}]\n")


def measure(points: int, alarms: int, gap_s: float) -> dict[str, Any]:
    """Raise `alarms` gauges one by one, `gap_s` apart; milliseconds from the change to the webhook."""
    with tempfile.TemporaryDirectory(prefix="rival-") as scratch:
        folder, exporter = Path(scratch), Exporter(points)
        alertmanager, prometheus = free_port(), free_port()
        configuration(folder, exporter.port, alertmanager)
        crew = [
            subprocess.Popen(["prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml",
                              f"--storage.path={folder}/am", f"--web.listen-address=127.0.0.1:{alertmanager}",
                              "--cluster.listen-address="], stderr=subprocess.DEVNULL),
            subprocess.Popen(["prometheus", f"--config.file={folder}/prometheus.yml",
                              f"--storage.tsdb.path={folder}/tsdb",
                              f"--web.listen-address=127.0.0.1:{prometheus}"], stderr=subprocess.DEVNULL),
        ]
        try:
            time.sleep(4 * CADENCE_S)
            return _raise(exporter, alarms, gap_s) | {"versions": versions()}
        finally:
            for process in crew:
                process.terminate()
            for process in crew:
                process.wait(10)


def _raise(exporter: Exporter, alarms: int, gap_s: float) -> dict[str, Any]:
    changed: dict[str, float] = {}
    step = max(1, len(exporter.values) // alarms)
    for n in range(alarms):
        exporter.values[n * step] = 150.0
        changed[f"p{n * step}"] = time.time()
        time.sleep(gap_s)
    until = time.monotonic() + 30
    while time.monotonic() < until and len(exporter.arrived) < alarms:
        time.sleep(0.1)
    ms = [(exporter.arrived[p] - t) * 1000 for p, t in changed.items() if p in exporter.arrived]
    return {"latencies": ms, "missed": alarms - len(ms)}


def versions() -> dict[str, str]:
    """First line each prints of its own version."""
    return {name: subprocess.run([name, "--version"], capture_output=True, text=True, check=False).stdout.split("\n")[0]
            for name in ("prometheus", "prometheus-alertmanager")}
