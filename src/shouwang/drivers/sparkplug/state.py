"""What a host application knows of the edge nodes: who was born, what aliases mean, which number comes next.

A message becomes rows of readings; births confirm the present values at the time they were published. After a gap
in `seq` aliases mean nothing until the next NBIRTH: a missed birth may have given them to other metrics.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..floats import figure
from ..rows import Malformed, Row
from ..their_clock import TheirClock
from . import packet
from .packet import Topic

OWN = (packet.BD_SEQ, "Node Control/", "Device Control/")  # metrics of the protocol itself
ROUND = 256  # seq counts 0 … 255
MOST_NODES = 20_000  # [D] edge nodes remembered; beyond, the longest known one must be born again
GOOD, STALE, WORST = 192, 500, 512  # values of the property Quality; from 512 on Bad in Ignition's codes


class Heard(NamedTuple):
    """What came of one message."""

    rows: list[Row]
    refused: list[tuple[str, str]]  # (reason, excerpt)
    dead: tuple[str, ...] = ()  # edge nodes and devices without data from `died` on
    died: int = 0  # ms
    rebirth: bool = False  # the edge node should be asked for its births


@dataclass
class Node:
    """One edge node. `metrics`: device → alias and name → (name, data type)."""

    born: bool = False
    bd_seq: int | None = None
    next: int = 0
    metrics: dict[str, dict[int | str, tuple[str, int | None]]] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)  # devices of before a rebirth, not yet reborn
    clock: TheirClock = field(default_factory=TheirClock)


class Nodes:
    """All edge nodes of one broker."""

    def __init__(self) -> None:
        self.known: dict[str, Node] = {}

    def forget(self) -> None:
        """The broker was lost: nobody counts as born until it says so again."""
        for node in self.known.values():
            node.born = False

    def born(self, edge: str) -> bool:
        """Whether the births of an edge node are known and nothing was missed since."""
        return edge in self.known and self.known[edge].born

    def died(self, edge: str, received: int) -> int:
        """The time (ms) from which an edge node that does not answer has no data."""
        return self.known.setdefault(edge, Node()).clock.now(received)

    def hear(self, topic: Topic, raw: bytes, received: int) -> Heard:
        """Take in one message; a payload that cannot be read is Malformed and counts as missed."""
        while len(self.known) > MOST_NODES:
            del self.known[next(iter(self.known))]
        node = self.known.setdefault(topic.edge, Node())
        if topic.type in ("NCMD", "DCMD"):
            return Heard([], [])
        try:
            message = packet.payload(raw)
        except Malformed:
            node.born = False
            raise
        if topic.type == "NDEATH":
            return _node_dies(node, topic, message, received)
        if stamp := message.get("timestamp"):
            node.clock.said(stamp, received)
        if topic.type == "NBIRTH":
            return _node_is_born(node, topic, message, received)
        return _follow(node, topic, message, received)


def _node_dies(node: Node, topic: Topic, message: dict[str, Any], received: int) -> Heard:
    number = packet.bd_seq(message)
    if node.born and None not in (number, node.bd_seq) and number != node.bd_seq:
        return Heard([], [])  # the will of a session before the present one
    node.born, node.pending, node.metrics = False, set(), {}
    return Heard([], [], (topic.edge,), node.clock.now(received))


def _node_is_born(node: Node, topic: Topic, message: dict[str, Any], received: int) -> Heard:
    """Devices must be born again; those of an earlier session, whose death was missed, have no data until then."""
    number, before = packet.bd_seq(message), node.bd_seq
    devices = {name for name in node.metrics if name != topic.edge}
    dead = tuple(sorted(devices)) if number != before else ()
    died = max(node.clock.newest, message.get("timestamp", received) - 2) + 1  # before the births that follow
    node.born, node.bd_seq, node.next = True, number, (message.get("seq", 0) + 1) % ROUND
    node.metrics, node.pending = {topic.edge: _defined(message)}, set() if dead else devices
    rows, refused = _rows(node, topic, message, received)
    return Heard(rows, refused, dead, died)


def _follow(node: Node, topic: Topic, message: dict[str, Any], received: int) -> Heard:
    refused: list[tuple[str, str]] = []
    seq = message.get("seq")
    if node.born and seq != node.next:
        refused.append(("seq_gap", f"{topic.whose}: seq={seq},应为 {node.next}"))
        node.born = False
    node.next = (node.next + 1) % ROUND
    died, dead = node.clock.now(received), tuple[str, ...]()
    if topic.type == "DDEATH":
        node.metrics.pop(topic.whose, None)
        node.pending.discard(topic.whose)
        return Heard([], refused, (topic.whose,), died, not node.born)
    if topic.type == "DBIRTH":
        node.metrics[topic.whose] = _defined(message)
        node.pending.discard(topic.whose)
    elif node.born:
        dead, node.pending = tuple(sorted(node.pending)), set()  # births are over: these devices did not come back
    unborn = not node.born or topic.whose not in node.metrics
    rows, more = _rows(node, topic, message, received)
    return Heard(rows, refused + more, tuple(d for d in dead if d != topic.whose), died, unborn)


def _defined(message: dict[str, Any]) -> dict[int | str, tuple[str, int | None]]:
    """Alias and name → (name, data type), as a birth gives them."""
    out: dict[int | str, tuple[str, int | None]] = {}
    for metric in message.get("metrics", ()):
        name, kind = metric.get("name"), metric.get("datatype")
        for key in (metric.get("alias"), name):
            if name and key is not None:
                out[key] = (name, kind)
    return out


def _rows(node: Node, topic: Topic, message: dict[str, Any],
          received: int) -> tuple[list[Row], list[tuple[str, str]]]:
    """Readings by time; metrics of the protocol itself are none."""
    table, born = node.metrics.get(topic.whose, {}), topic.type.endswith("BIRTH")
    stamp, refused = message.get("timestamp", 0), list[tuple[str, str]]()
    by_time: dict[int, dict[str, Any]] = {}
    for metric in message.get("metrics", ()):
        t = metric.get("timestamp", 0)
        t = (max(t, stamp) if born and not metric.get("is_historical") else t or stamp) or received
        name, kind = metric.get("name"), metric.get("datatype")
        if not name and (born or node.born):
            name, known = table.get(metric.get("alias", -1), ("", None))
            kind = kind or known
        elif name and kind is None:
            kind = table.get(name, ("", None))[1]
        if not name:
            refused.append(("unknown_alias", f"{topic.whose}: alias={metric.get('alias')}"))
        elif not name.startswith(OWN):
            by_time.setdefault(t, {}).update(_values(name, metric, kind))
    for t in by_time:
        node.clock.reading(t, received)
    return [Row(topic.whose, t, by_time[t]) for t in sorted(by_time)], refused


def _values(name: str, metric: dict[str, Any], kind: int | None) -> dict[str, Any]:
    """A metric as readings: its value, or one per member of a template instance."""
    value = None if metric.get("is_null") else packet.value_of(metric)
    if isinstance(value, dict) and "metrics" in value:
        if value.get("is_definition"):
            return {}
        return {key: one for member in value["metrics"]
                for key, one in _values(f"{name}/{member.get('name', '')}", member, member.get("datatype")).items()}
    plain = _plain(value, kind)
    code = _quality(metric)
    if code in (None, GOOD) or plain is None:
        return {name: plain}
    if code == STALE:
        return {name: None}
    return {name: {"value": plain, "quality": "fault" if code == 0 or code >= WORST else "uncertain"}}


def _plain(value: Any, kind: int | None) -> Any:
    """A number by its data type: signed, a Float with the digits it has and no more, NaN as no data."""
    if isinstance(value, float):
        return figure(value, single=kind == packet.FLOAT)
    return packet.signed(value, kind)


def _quality(metric: dict[str, Any]) -> int | None:
    """The property Quality, where a metric has it."""
    properties = metric.get("properties", {})
    for key, value in zip(properties.get("keys", ()), properties.get("values", ()), strict=False):
        if key == "Quality":
            code = packet.value_of(value)
            return code if type(code) is int else None
    return None
