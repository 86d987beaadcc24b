"""The fast way gives what the careful way gives, or stands aside."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shouwang.drivers.limits import DEFAULT
from shouwang.drivers.scan import DEVICE, GATEWAY, ODD, Packet, Scanner
from shouwang.drivers.take import take_as

from .desk import Desk, plan

NOW = 1_795_298_773_556
SCANNER = Scanner(plan(), DEFAULT.past_ms, DEFAULT.future_ms)
Reading = tuple[int, int, int, int]


class Still(Desk):
    """A desk without an event loop: what is offered stays offered."""

    def __init__(self) -> None:
        super().__init__(instant=False)


def carefully(kind: int, source: int, payload: bytes) -> tuple[list[Reading], list[str]]:
    """Readings and reasons by the careful decoder."""
    desk = Still()
    take_as(desk, source, ("telemetry", kind == GATEWAY), payload, NOW, DEFAULT, lambda: None)  # type: ignore[arg-type]
    return [(p, t, v, q) for _, p, t, v, q in desk.taken], [reason for _, reason, _, _ in desk.refused]


def fast(*messages: tuple[int, int, bytes]) -> list[list[Reading] | None]:
    """Readings of each message by the scanner; None where it stood aside."""
    found = SCANNER.take([Packet(source, kind, payload, NOW) for kind, source, payload in messages])
    rows, out, at = found.readings.tolist(), [], 0
    for n in found.taken.tolist():
        out.append(None if n == ODD else [(p, t, v, 0) for t, p, v in rows[at:at + n]])
        at += max(n, 0)
    assert at == len(rows)
    return out


def same(kind: int, source: int, payload: bytes) -> bool:
    """Whether the fast way took it; if so it must be what the careful way says, and nothing may be wrong with it."""
    taken = fast((kind, source, payload))[0]
    if taken is not None:
        assert (taken, []) == carefully(kind, source, payload)
    return taken is not None


PLAIN = [
    b'{"Tank A":[{"ts":1795298773556,"values":{"level":1.5,"pressure":0.25}}]}',
    b' { "Tank A" : [ { "ts" : 1795298773556 , "values" : { "level" : -1.005 } } ] } \n',
    b'{"Tank B":[{"ts":1795298773556,"values":{"level":7}},{"ts":1795298773557,"values":{"level":-0}}],'
    b'"Tank A":[{"ts":1795298773556,"values":{"temperature":-273.15}}]}',
    b'{"Tank A":[{"ts":1795298773556,"values":{"level":0.285}}]}',
    b'{"Tank A":[{"ts":1795298773556,"values":{"level":0.2849999999999999}}]}',
]
ASIDE = [
    b"", b"{", b"{}", b"[]", b"nope", PLAIN[0] + b"x", PLAIN[0][:-1], PLAIN[0] * 2,
    b'{"Tank A":[{"ts":1795298773556,"values":{"level":"1.5"}}]}',
    b'{"Tank A":[{"ts":1795298773556,"values":{"level":null}}]}',
    b'{"Tank A":[{"ts":1795298773556,"values":{"level":1e3}}]}',
    b'{"Tank A":[{"ts":1795298773556,"values":{"level":01}}]}',
    b'{"Tank A":[{"ts":1795298773556,"values":{"level":1.}}]}',
    b'{"Tank A":[{"ts":1795298773556,"values":{"level":.5}}]}',
    b'{"Tank A":[{"ts":1795298773556,"values":{"level":99999999999}}]}',
    *(b'{"Tank A":[{"ts":1795298773556,"values":{"pressure":%s}}]}' % n for n in (
        b"999999999999999999.5", b"922337203685477581.25", b"959230691832896684.0084", b"-959230691832896684.0084")),
    b'{"Tank A":[{"ts":1795298773556,"values":{"level":1,"level":2}}]}',
    b'{"Tank A":[{"ts":1795298773556,"values":{"level":1}}],"Tank A":[]}',
    b'{"Tank A":[{"ts":1795298773556,"values":{"level":1}}],"Tank A":[{"ts":1795298773557,"values":{"level":2}}]}',
    b'{"Tank A":[{"ts":1795298773556,"values":{"nothing":1}}]}',
    b'{"Tank C":[{"ts":1795298773556,"values":{"level":1}}]}',
    b'{"Tank\\u0020A":[{"ts":1795298773556,"values":{"level":1}}]}', b'{"Tank A":[{"ts":1,"values":{"level":1}}]}',
    b'{"Tank A":[{"ts":1795299773556,"values":{"level":1}}]}', b'{"Tank A":[{"values":{"level":1}}]}',
    b'{"Tank A":[{"ts":1795298773556,"values":{}}]}', b'{"Tank A":[{"ts":1795298773556,"values":{"level":1}},]}',
]


@pytest.mark.parametrize("payload", PLAIN)
def test_plain_messages_go_the_fast_way(payload: bytes) -> None:
    assert same(GATEWAY, 0, payload)


@pytest.mark.parametrize("payload", ASIDE)
def test_anything_else_is_left_to_the_careful_way(payload: bytes) -> None:
    assert not same(GATEWAY, 0, payload)


def test_a_devices_own_messages() -> None:
    assert same(DEVICE, 1, b'{"level":3}')
    assert same(DEVICE, 1, b'{"ts":1795298773556,"values":{"level":4.5}}')
    assert not same(DEVICE, 1, b'{"ts":5}')
    assert not same(DEVICE, 0, b'{"level":3}'), "a gateway's own state is no reading"
    assert not same(GATEWAY, 1, PLAIN[0]), "another source's devices"


def test_the_time_bounds_are_those_of_the_careful_way() -> None:
    for t in (NOW - DEFAULT.past_ms, NOW + DEFAULT.future_ms):
        assert same(DEVICE, 1, b'{"ts":%d,"values":{"level":1}}' % t)
    for t in (NOW - DEFAULT.past_ms - 1, NOW + DEFAULT.future_ms + 1):
        assert not same(DEVICE, 1, b'{"ts":%d,"values":{"level":1}}' % t)


def test_an_odd_message_leaves_its_neighbours_alone() -> None:
    odd = b'{"Tank A":[{"ts":1795298773556,"values":{"level":1,"pressure":"x"}}]}'
    first, middle, last = fast((GATEWAY, 0, PLAIN[0]), (GATEWAY, 0, odd), (GATEWAY, 0, PLAIN[1]))
    assert first == carefully(GATEWAY, 0, PLAIN[0])[0]
    assert middle is None
    assert last == carefully(GATEWAY, 0, PLAIN[1])[0]


NUMBERS = st.one_of(
    st.integers(-10**9, 10**9).map(str), st.decimals(-10**6, 10**6, places=3).map(str),
    st.tuples(st.integers(10**17, 10**18 - 1), st.integers(0, 10**6)).map(lambda n: f"{n[0]}.{n[1]}"),
    st.decimals(-10, 10, places=12).map(lambda d: format(Decimal(d), "f")),
    st.sampled_from(["-0", "0", "-0.0", "0.5", "-0.05", "1e2", "true", "null", '"2"', "{}", "2147483647", "21474836.48",
                     "21474836.47", "-21474836.48", "-21474836.49", "0.995", "0.0049"]))
SPACE = st.sampled_from(["", "", "", " ", "\n\t"])


@st.composite
def gateway_messages(draw: Any) -> bytes:
    """Messages much like real ones, some a little off."""
    def row() -> str:
        keys = draw(st.lists(st.sampled_from(["level", "pressure", "temperature", "层"]), min_size=0, max_size=4))
        values = ",".join(f'{draw(SPACE)}"{k}"{draw(SPACE)}:{draw(SPACE)}{draw(NUMBERS)}{draw(SPACE)}' for k in keys)
        return f'{{"ts":{draw(SPACE)}{NOW + draw(st.integers(-5, 5))},{draw(SPACE)}"values":{{{values}}}}}'
    devices = draw(st.lists(st.sampled_from(["Tank A", "Tank B", "Tank A ", "罐"]), min_size=0, max_size=3))
    return ("{" + ",".join(f'{draw(SPACE)}"{d}":[{row()},{row()}]' if draw(st.booleans()) else f'"{d}":[{row()}]'
                           for d in devices) + "}").encode()


@settings(max_examples=400, deadline=None)
@given(gateway_messages())
def test_both_ways_agree(payload: bytes) -> None:
    same(GATEWAY, 0, payload)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PLAIN), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=3),
       st.integers(0, 200))
def test_broken_bytes_never_read_as_something_else(good: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    raw = bytearray(good)
    for at, byte in changes:
        raw[at % len(raw)] = byte
    whole, after = fast((GATEWAY, 0, bytes(raw)[:max(1, len(raw) - cut % 9)]), (GATEWAY, 0, PLAIN[2]))
    if whole is not None:
        assert (whole, []) == carefully(GATEWAY, 0, bytes(raw)[:max(1, len(raw) - cut % 9)])
    assert after == carefully(GATEWAY, 0, PLAIN[2])[0]


def test_names_alike_are_told_apart() -> None:
    body = {"Tank B": [{"ts": NOW, "values": {"level": 2}}], "Tank A": [{"ts": NOW, "values": {"level": 1}}]}
    assert fast((GATEWAY, 0, json.dumps(body).encode()))[0] == [(3, NOW, 200, 0), (0, NOW, 100, 0)]
