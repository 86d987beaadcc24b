"""An edge node with one device, from its own side, over a real broker.

    python -m shouwang.drivers.sparkplug.simulate --port 1883 --group 甲厂 --node 网关 --device T101
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from shouwang.kernel import clock

from . import packet

INT64, DOUBLE = 4, 10
Metric = dict[str, Any]


class EdgeNode:
    """Publishes births with aliases, data by alias alone, and answers a rebirth request."""

    def __init__(self, group: str, node: str, device: str, names: Sequence[str], bd_seq: int = 0) -> None:
        self.group, self.node, self.device, self.names = group, node, device, list(names)
        self.values: dict[str, float | None] = dict.fromkeys(self.names, 0.0)
        self.bd_seq, self.seq, self.births = bd_seq, 0, 0
        self.client = paho.Client(CallbackAPIVersion.VERSION2, f"{group}-{node}"[:200])
        self.client.on_connect = self._on_connect
        self.client.on_message = lambda _c, _u, message: self.birth()

    def _topic(self, kind: str) -> str:
        return f"{packet.NAMESPACE}/{self.group}/{kind}/{self.node}" + (f"/{self.device}" if kind[0] == "D" else "")

    def _metric(self, name: str, **fields: Any) -> Metric:
        return {"name": name, "timestamp": clock.now_ms(), **fields}

    def start(self, host: str, port: int) -> None:
        """Connect with the NDEATH as will; births follow the connection."""
        death = {"metrics": [self._metric(packet.BD_SEQ, datatype=INT64, long_value=self.bd_seq)]}
        self.client.will_set(self._topic("NDEATH"), packet.packed(death), 1)
        self.client.connect(host, port, keepalive=5)
        self.client.loop_start()

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        client.subscribe(self._topic("NCMD"), 1)
        self.birth()

    def birth(self) -> None:
        """NBIRTH and DBIRTH with every present value."""
        self.seq, self.births = 0, self.births + 1
        self._publish("NBIRTH", [
            self._metric(packet.BD_SEQ, datatype=INT64, long_value=self.bd_seq),
            self._metric(packet.REBIRTH, datatype=packet.BOOLEAN, boolean_value=False)])
        self._publish("DBIRTH", [self._metric(name, alias=n, datatype=DOUBLE, **_value(self.values[name]))
                                 for n, name in enumerate(self.names)])

    def say(self, **values: float | None) -> None:
        """DDATA: these values, by alias alone; None is no data."""
        self.values.update(values)
        self._publish("DDATA", [{"alias": self.names.index(name), "timestamp": clock.now_ms(), **_value(value)}
                                for name, value in values.items()])

    def lose(self) -> None:
        """A message that never arrives."""
        self.seq = (self.seq + 1) % 256

    def device_dies(self) -> None:
        """DDEATH."""
        self._publish("DDEATH", [])

    def _publish(self, kind: str, metrics: list[Metric]) -> None:
        message = {"timestamp": clock.now_ms(), "seq": self.seq, "metrics": metrics}
        self.seq = (self.seq + 1) % 256
        self.client.publish(self._topic(kind), packet.packed(message), 0)

    def stop(self, politely: bool = False) -> None:
        """Go; unless politely the broker publishes the will."""
        if politely:
            self.client.disconnect()
        self.client.loop_stop()
        if (sock := self.client.socket()) is not None:
            sock.close()


def _value(value: float | None) -> dict[str, Any]:
    return {"is_null": True} if value is None else {"double_value": value}


def main() -> None:
    """Publish a slow ramp once a second until interrupted."""
    ask = argparse.ArgumentParser(description="Sparkplug B 边缘节点模拟")
    ask.add_argument("--host", default="127.0.0.1")
    ask.add_argument("--port", type=int, default=1883)
    for name, default in (("group", "甲厂"), ("node", "网关"), ("device", "T101"), ("metric", "level")):
        ask.add_argument(f"--{name}", default=default)
    given = ask.parse_args()
    node = EdgeNode(given.group, given.node, given.device, [given.metric])
    node.start(given.host, given.port)
    try:
        for n in range(1_000_000):
            time.sleep(1)
            node.say(**{given.metric: n % 100 / 2})
    except KeyboardInterrupt:
        node.stop(politely=True)


if __name__ == "__main__":
    main()
