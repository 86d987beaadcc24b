"""A small real product for browser stories: `shouwang up` with a seeded city of its own, no simulator."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--use-gl=angle", "--use-angle=swiftshader",
             "--enable-unsafe-swiftshader", "--disable-background-networking", "--disable-component-update"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class City:
    """A running product."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    environment: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def password(self) -> str:
        return str(json.loads((self.folder / "demo_accounts.json").read_text())["password"])

    @property
    def mqtt(self) -> int:
        return int(json.loads((self.folder / "run" / "ingest.json").read_text())["mqtt"])

    def ask(self, code: str) -> Any:
        """Run code inside the product's own Django (booted) and return the JSON it prints last."""
        head = "import json\nfrom shouwang.boot import boot\nboot()\n"
        done = subprocess.run([sys.executable, "-c", head + code], env=self.environment, check=True,
                              stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout.strip().splitlines()[-1])

    def publish(self, token: str, body: dict[str, Any]) -> None:
        """One gateway message with QoS 1, acknowledged."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.username_pw_set(token)
        client.connect("127.0.0.1", self.mqtt)
        client.loop_start()
        client.publish("v1/gateway/telemetry", json.dumps(body), qos=1).wait_for_publish(20)
        client.disconnect()
        client.loop_stop()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(40)


def start(folder: Path, enterprises: int = 12, points: int = 240) -> City:
    """Migrate, seed, run; ready when /healthz says so."""
    port = free_port()
    environment = {**os.environ, "SHOUWANG_DATA": str(folder), "SHOUWANG_MQTT_PORT": str(free_port()),
                   "SHOUWANG_MODE": "demo", "DJANGO_SETTINGS_MODULE": "shouwang.settings"}
    run = [sys.executable, "-m", "shouwang"]
    subprocess.run([sys.executable, "-m", "django", "migrate", "-v0"], env=environment, check=True)
    subprocess.run([*run, "seed", "370800", "--enterprises", str(enterprises), "--points", str(points), "--past", "0"],
                   env=environment, check=True)
    process = subprocess.Popen([*run, "up", "--demo", "", "--port", str(port)], env=environment,
                               stdout=subprocess.DEVNULL)
    city = City(folder, port, process, environment)
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{city.url}/healthz", timeout=5) as reply:
                if reply.status == 200:
                    return city
        except OSError:
            time.sleep(0.3)
    city.stop()
    raise RuntimeError("the product did not become ready")
