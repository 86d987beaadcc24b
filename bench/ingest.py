"""The data plane under a nation's load: MQTT over loopback, rules on, fdatasync before every acknowledgement.

    python bench/ingest.py --points 1040000 --gateways 10400 --period 1 --seconds 60

Starts the real ingest process and the real history process over a data folder made for the run (each point with H and
HH limits; no Django, no database: the business plane sees transitions only), floods it from `flood.py`, prints JSON:
acknowledgement times as the gateway sees them, what each process used, whether anything was lost.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from product import free_port, machine

STAMP = 1_795_298_773_556


def main() -> None:
    """Make, run, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1_040_000)
    parser.add_argument("--gateways", type=int, default=10_400)
    parser.add_argument("--batch", type=int, default=100, help="readings a message")
    parser.add_argument("--period", type=float, default=1, help="seconds between two readings of a point")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--no-history", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as folder:
        print(json.dumps(measure(Path(folder), args), indent=1))


def measure(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """One run."""
    load = folder / "load.json"
    load.write_bytes(msgspec.json.encode(prepare(folder, args)))
    port = free_port()
    environ = {**os.environ, "SHOUWANG_DATA": str(folder), "SHOUWANG_MQTT_PORT": str(port), "SHOUWANG_LOG": "ERROR"}
    ingest = subprocess.Popen([sys.executable, "-m", "shouwang", "ingest"], env=environ)
    others = [] if args.no_history else [subprocess.Popen([sys.executable, "-m", "shouwang", "history"], env=environ)]
    try:
        ready(folder, ingest)
        before, began = [cpu(p.pid) for p in (ingest, *others)], time.monotonic()
        told = json.loads(subprocess.run(
            [sys.executable, str(Path(__file__).parent / "flood.py"), str(load), "--port", str(port), "--seconds",
             str(args.seconds), "--period", str(args.period)], check=True, stdout=subprocess.PIPE).stdout)
        used = [round((cpu(p.pid) - b) / (time.monotonic() - began), 3) for p, b in zip((ingest, *others), before,
                                                                                       strict=True)]
        memory = [peak_mb(p.pid) for p in (ingest, *others)]
    finally:
        for process in (ingest, *others):
            process.send_signal(signal.SIGTERM)
        for process in (ingest, *others):
            process.wait(60)
    return {"machine": machine(), "points": args.points, "connections": args.gateways, "batch": args.batch,
            "asked_per_second": round(args.points / args.period), **told,
            "reached_per_second": round(told["readings"] / told["seconds"]),
            "unacknowledged": told["sent"] - told["acknowledged"],
            "cores_used": dict(zip(("ingest", "history"), used, strict=False)),
            "peak_mb": dict(zip(("ingest", "history"), memory, strict=False)), "transitions": transitions(folder),
            "tls": False, "credentials": "a token a gateway", "load_average": os.getloadavg()}


def prepare(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """The plan of points and rules, and what each gateway will say."""
    from shouwang.engines.telemetry import plan as plans

    each, random = args.points // args.gateways, np.random.default_rng(7)
    points = np.zeros(args.points, plans.POINT)
    points["id"], points["digits"] = np.arange(1, args.points + 1), 2
    points["source"] = np.repeat(np.arange(args.gateways), each)
    points["low"], points["high"] = -100_000, 100_000
    sources, gateways, level = [], [], plans.PointUnits("%", {})
    for g in range(args.gateways):
        token = hashlib.sha256(f"bench {g}".encode()).hexdigest()
        addresses = {f"tank-{g}-{d}": {f"p{k}": g * each + d * 10 + k for k in range(min(10, each - d * 10))}
                     for d in range((each + 9) // 10)}
        sources.append(plans.SourcePlan(f"gateway {g}", "gateway", hashlib.sha256(token.encode()).hexdigest(),
                                        addresses))
        gateways.append({"token": token, "bodies": bodies(addresses, args.batch, random)})
    made = plans.Plan(1, points, [level] * args.points, sources)
    rules(plans.save(folder / "plan", made), args.points)
    plans.publish(folder / "plan", 1)
    return {"gateways": gateways, "per_message": args.batch}


def bodies(addresses: dict[str, dict[str, int]], batch: int, random: np.random.Generator) -> list[str]:
    """The gateway's messages of at most `batch` readings, all with the same time to be replaced."""
    flat = [(device, key) for device, keys in addresses.items() for key in keys]
    out = []
    for at in range(0, len(flat), batch):
        rows: dict[str, dict[str, float]] = {}
        for device, key in flat[at:at + batch]:
            rows.setdefault(device, {})[key] = 85.0 if random.random() < 0.001 else round(40 + random.random() * 20, 2)
        out.append(json.dumps({d: [{"ts": STAMP, "values": v}] for d, v in rows.items()}, separators=(",", ":")))
    return out


def rules(folder: Path, points: int) -> None:
    """H 80 and HH 90 with a deadband of 1 for every point."""
    from shouwang.engines.rules import checkbook

    check = checkbook.Check()
    check.put(2, 8000, 7900)
    check.put(3, 9000, 8900)
    checkbook.write(folder, checkbook.bind([(0, n + 1, check) for n in range(points)], ["bench.level"]))


def ready(folder: Path, process: "subprocess.Popen[bytes]") -> None:
    """Until the endpoint listens."""
    until = time.monotonic() + 180
    while not (folder / "run" / "ingest.json").exists():
        if process.poll() is not None or time.monotonic() > until:
            raise SystemExit("the ingest process did not start")
        time.sleep(0.1)


def cpu(pid: int) -> float:
    """Seconds of processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> int:
    """The most memory it has had."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("VmHWM")).split()[1]) // 1024


def transitions(folder: Path) -> int:
    """Lines of the journal."""
    return sum(f.read_bytes().count(b"\n") for f in (folder / "journal").glob("*.log"))


if __name__ == "__main__":
    main()
