"""From the MQTT publish of an over-limit value to the warning in a connected browser, under the demo city's load.

One command: starts the product with 17,001 points at 5 s, opens the wall in Chromium, publishes over-limit
values from a gateway of its own, prints JSON; then gives Prometheus and Alertmanager the same workload.
The rule is methane in a return airway, which has no delay of its own.
"""

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import rival_prometheus
from playwright.sync_api import Page, sync_playwright
from product import Product, environment, machine, percentiles, running

CHROMIUM = ["--no-sandbox", "--disable-gpu", "--use-gl=angle", "--use-angle=swiftshader",
            "--enable-unsafe-swiftshader", "--disable-background-networking"]
# When the ticker has a new line (added) and when the browser has made the next frame with it (shown); the facts of the
# line (event time, enterprise) are those of the live event the page itself hands on.
WATCH = """() => {
  window.lines = {};
  window.facts = [];
  const note = (node) => {
    if (node.nodeType !== 1 || !node.matches('li[data-alert]')) return;
    const seen = window.lines[node.dataset.alert] ||= { added: Date.now(), shown: 0 };
    requestAnimationFrame(() => setTimeout(() => { seen.shown ||= Date.now(); }));
  };
  new MutationObserver((all) => all.forEach((m) => m.addedNodes.forEach(note)))
    .observe(document.body, {childList: true, subtree: true});
  document.addEventListener("live", ({ detail }) => {
    if (detail.event === "rules.alert_raised") window.facts.push([detail.alert, detail.published, detail.enterprise]);
  });
}"""


def main() -> None:
    """Run both and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--gap", type=float, default=0.5, help="mean seconds between over-limit values")
    parser.add_argument("--points", type=int, default=40, help="points of the measuring gateway")
    parser.add_argument("--no-3d", action="store_true", help="no WebGL: without a graphics card the map's drawing is "
                        "done by the processors that are being measured")
    parser.add_argument("--no-rival", action="store_true")
    parser.add_argument("--city", type=Path, help="a seeded data folder to copy, instead of generating one")
    args = parser.parse_args()
    told: dict[str, Any] = {"machine": machine(), "load": "17,001 points each 5 s over MQTT QoS 1"}
    with running(args.city) as product:
        token = gateway(product, args.points)
        told["shouwang"] = ours(product, token, args)
    if not args.no_rival:
        told["prometheus"] = theirs(int(args.seconds / args.gap / 2), args.gap)
    print(json.dumps(told, ensure_ascii=False, indent=1))


def gateway(product: Product, points: int) -> str:
    """A mine's return airways with one methane point each, and their gateway's token."""
    made = subprocess.run([sys.executable, str(Path(__file__).parent / "gateway.py"), str(points)], check=True,
                          env=environment(product.folder, product.mqtt), stdout=subprocess.PIPE)
    return str(json.loads(made.stdout)["token"])


def ours(product: Product, token: str, args: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds from publish to the row in the browser's ticker."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium",
                                       args=[*CHROMIUM, *(["--disable-3d-apis"] if args.no_3d else [])])
        page = sign_in(browser.new_page(viewport={"width": 1600, "height": 900}, reduced_motion="reduce"), product)
        page.evaluate(WATCH)
        wire = Wire(product, "; ".join(f"{c['name']}={c['value']}" for c in page.context.cookies()))
        wire.start()
        sender = Sender(product, token, args)
        sender.start()
        while sender.is_alive():
            page.wait_for_timeout(500)
        page.wait_for_timeout(5000)
        lines, facts = page.evaluate("[window.lines, window.facts]")
        browser.close()
    recorded = stages(product)
    raised = {published: lines.get(str(alert)) for alert, published, firm in facts if "测量" in firm}
    rows = {t: raised[t] for t in sender.sent if raised.get(t)}
    return {"in_database": percentiles([recorded[t] - t for t in sender.sent if t in recorded]),
            "on_wire": percentiles([wire.arrived[t] - t for t in sender.sent if t in wire.arrived]),
            "in_page": percentiles([row["added"] - t for t, row in rows.items()]),
            "on_screen": percentiles([row["shown"] - t for t, row in rows.items() if row["shown"]]),
            "slowest_on_screen": sorted(([row["shown"] - t, round((t - sender.sent[0]) / 1000)]  # ms, second of the run
                                         for t, row in rows.items() if row["shown"]), reverse=True)[:5],
            "sent": len(sender.sent), "missed": len(sender.sent) - len(rows),
            "map": "none" if args.no_3d else "drawn without graphics card", "load_average": os.getloadavg()}


def stages(product: Product) -> dict[int, float]:
    """Event time → when the beat began to record the alert (ms): how much of the way lies before the pages."""
    database = sqlite3.connect(f"file:{product.folder / 'shouwang.db'}?mode=ro", uri=True, timeout=30)
    told = database.execute("SELECT a.raised_at, a.recorded_at FROM rules_alert a JOIN subjects_point p "
                            "ON p.id = a.point_id WHERE p.code LIKE 'BENCH-%' AND a.rule = 'mine_net.methane'")
    return {round(ms(raised)): ms(recorded) for raised, recorded in told}


def ms(text: str) -> float:
    """The database's UTC text in ms since 1970."""
    return datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000


def sign_in(page: Page, product: Product) -> Page:
    """The city supervisor at the wall."""
    account = product.account("shi")
    page.goto(f"{product.url}/login/?next=/wall/")
    page.fill("[name=username]", account["username"])
    page.fill("[name=password]", account["password"])
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/wall/**")
    page.wait_for_selector("#live[data-state=live]", timeout=60_000)
    page.wait_for_selector("body[data-ready]", timeout=60_000)  # the wall stands: what follows is its daily work
    return page


class Wire(threading.Thread):
    """A second screen that only listens: when the live event has come over the socket, before any browser works."""

    def __init__(self, product: Product, cookie: str) -> None:
        super().__init__(daemon=True)
        self.arrived: dict[int, float] = {}
        self.request = urllib.request.Request(f"{product.url}/live/stream", headers={"Cookie": cookie})

    def run(self) -> None:
        with urllib.request.urlopen(self.request, timeout=600) as stream:
            for line in stream:
                if line.startswith(b"data: ") and b"rules.alert_raised" in line:
                    fact = json.loads(line[6:])
                    if "测量" in fact.get("enterprise", ""):
                        self.arrived.setdefault(fact["published"], time.time() * 1000)


class Sender(threading.Thread):
    """Publishes alternately over and under the limit, at random moments; `sent` holds the event times of the overs."""

    def __init__(self, product: Product, token: str, args: argparse.Namespace) -> None:
        super().__init__(daemon=True)
        self.sent: list[int] = []
        self.args = args
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="bench")
        self.client.username_pw_set(token)
        self.client.reconnect_delay_set(1, 1)  # the endpoint knows the token when the plan has been compiled
        self.client.connect("127.0.0.1", product.mqtt)
        self.client.loop_start()
        until = time.monotonic() + 120
        while not self.client.is_connected():
            if time.monotonic() > until:
                raise RuntimeError("the endpoint does not know the gateway's token")
            time.sleep(0.1)
        time.sleep(2)

    def run(self) -> None:
        until, n, over = time.monotonic() + self.args.seconds, 0, [False] * self.args.points
        while time.monotonic() < until:
            time.sleep(random.expovariate(1 / self.args.gap) if n else 0)
            point = n % self.args.points
            over[point] = not over[point] if n >= self.args.points else True
            now = time.time_ns() // 1_000_000
            body = {f"测量{point:03d}": [{"ts": now, "values": {"methane": 1.2 if over[point] else 0.2}}]}
            self.client.publish("v1/gateway/telemetry", json.dumps(body), qos=1)
            if over[point]:
                self.sent.append(now)
            n += 1
        self.client.disconnect()


def theirs(alarms: int, gap: float) -> dict[str, Any]:
    """Milliseconds from the change of the gauge to the webhook."""
    if not rival_prometheus.available():
        return {"absent": "apt-get install prometheus prometheus-alertmanager"}
    found = rival_prometheus.measure(17_001, alarms, gap)
    return percentiles(found.pop("latencies")) | found


if __name__ == "__main__":
    main()
