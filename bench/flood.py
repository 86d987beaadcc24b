"""A plain MQTT load generator in a process of its own: many gateways, QoS 1, one reading a point a period.

Prints one JSON line: sent, acknowledged, and the milliseconds from send to PUBACK (the reading is on disk then).
Bodies are made ahead but for their time stamp, so that the generator costs little of the two cores it shares.
"""

import argparse
import asyncio
import json
import sys
import time
from array import array
from pathlib import Path

import msgspec
import uvloop

STAMP = b"1795298773556"
CONNECT_TIMEOUT_S = 60


def varint(n: int) -> bytes:
    """MQTT remaining length."""
    out = b""
    while True:
        n, low = divmod(n, 128)
        out += bytes([low | (128 if n else 0)])
        if not n:
            return out


def field(raw: bytes) -> bytes:
    """A length-prefixed string."""
    return len(raw).to_bytes(2, "big") + raw


class Gateway(asyncio.Protocol):
    """One connection. `marks` holds when each packet id was sent."""

    def __init__(self, token: str, bodies: list[bytes], took: array) -> None:  # type: ignore[type-arg]
        self.token, self.took, self.sent, self.acked, self.rest = token, took, 0, 0, b""
        self.templates = [(varint(2 + len(field(b"v1/gateway/telemetry")) + len(b)), *b.split(STAMP)) for b in bodies]
        self.marks: dict[int, float] = {}
        self.welcome = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        body = field(b"MQTT") + b"\x04\x82\x00\x00" + field(self.token[:20].encode()) + field(self.token.encode())
        transport.write(b"\x10" + varint(len(body)) + body)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        now, data = time.perf_counter(), self.rest + data
        whole = len(data) // 4 * 4  # CONNACK and PUBACK both have 4 bytes
        self.rest = data[whole:]
        for at in range(0, whole, 4):
            if data[at] == 0x20:
                self.welcome.set_result(data[at + 3])
            elif data[at] == 0x40:
                self.took.append((now - self.marks.pop(data[at + 2] << 8 | data[at + 3])) * 1000)
                self.acked += 1

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.welcome.done():
            self.welcome.set_exception(exc or ConnectionError("closed"))

    def send(self, now_ms: bytes) -> None:
        """Every body once, as of now."""
        out, topic = [], field(b"v1/gateway/telemetry")
        for length, *parts in self.templates:
            self.sent += 1
            packet = self.sent % 65_535 + 1
            self.marks[packet] = time.perf_counter()
            out += [b"\x32", length, topic, packet.to_bytes(2, "big"), now_ms.join(parts)]
        self.transport.write(b"".join(out))  # type: ignore[attr-defined]


async def flood(plan: dict, args: argparse.Namespace) -> dict:  # type: ignore[type-arg]
    """Connect all, then send each gateway's readings once a period, spread evenly over it."""
    took: array[float] = array("d")
    loop, gateways = asyncio.get_running_loop(), []
    for entry in plan["gateways"]:
        made = Gateway(entry["token"], [b.encode() for b in entry["bodies"]], took)
        await loop.create_connection(lambda made=made: made, "127.0.0.1", args.port)
        gateways.append(made)
    refused = [c for c in await asyncio.wait_for(asyncio.gather(*(g.welcome for g in gateways)), 60) if c]
    if refused:
        raise SystemExit(f"{len(refused)} gateways were refused, code {refused[0]}")
    began, slices = loop.time(), max(1, int(args.period / 0.01))
    took_at, rounds = time.process_time(), int(args.seconds / args.period)
    for n in range(rounds * slices):
        due = began + n * args.period / slices
        if (wait := due - loop.time()) > 0:
            await asyncio.sleep(wait)
        stamp = str(time.time_ns() // 1_000_000).encode()
        for g in gateways[n % slices::slices]:
            g.send(stamp)
    behind = loop.time() - (began + args.seconds)
    until = loop.time() + args.drain
    while any(g.marks for g in gateways) and loop.time() < until:
        await asyncio.sleep(0.05)
    took_s = loop.time() - began
    ranked = sorted(took)
    at = lambda share: round(ranked[min(len(ranked) - 1, int(share * len(ranked)))], 1) if ranked else None  # noqa: E731
    return {"sent": sum(g.sent for g in gateways), "acknowledged": sum(g.acked for g in gateways),
            "readings": sum(g.acked for g in gateways) * plan["per_message"], "seconds": round(took_s, 1),
            "ack_ms": {"p50": at(.5), "p99": at(.99), "max": at(1)}, "generator_behind_s": round(max(0.0, behind), 2),
            "generator_cpu": round((time.process_time() - took_at) / took_s, 3)}


def main() -> None:
    """Read the plan of gateways, flood, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--period", type=float, default=1)
    parser.add_argument("--drain", type=float, default=30)
    args = parser.parse_args()
    json.dump(uvloop.run(flood(msgspec.json.decode(args.plan.read_bytes()), args)), sys.stdout)


if __name__ == "__main__":
    main()
