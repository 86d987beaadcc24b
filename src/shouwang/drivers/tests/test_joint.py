"""Messages of a tick taken together: a fault costs one message its fast way, never the tick."""

import time
from collections.abc import Callable

import pytest

from shouwang.drivers import joint
from shouwang.drivers.limits import DEFAULT
from shouwang.drivers.scan import COMPILED, GATEWAY, Found, Packet

from .desk import Desk

NOW = 1_795_298_773_556
GOOD = b'{"Tank A":[{"ts":1795298773556,"values":{"level":1.5}}]}'
pytestmark = pytest.mark.skipif(not COMPILED, reason="没有 numba:没有快速解码可试")


class Quiet(Desk):
    """A desk whose ticks the test makes itself."""

    def __init__(self) -> None:
        super().__init__(instant=False)

    def before_tick(self, hook: Callable[[], None]) -> None:
        self.tick = hook


@pytest.fixture
def seats() -> tuple[Quiet, joint.Joint]:
    desk = Quiet()
    made = joint.Joint(desk, DEFAULT)
    until = time.monotonic() + 120
    while not made.ready() and time.monotonic() < until:
        time.sleep(0.01)
    assert made.ready()
    return desk, made


def letter(desk: Quiet, payload: bytes, slow: list[bytes], room: bool = True) -> joint.Letter:
    """A message whose careful way is written down."""
    return joint.Letter(Packet(0, GATEWAY, payload, NOW), desk.plan, lambda: None,
                        lambda: room and not slow.append(payload))


def test_plain_messages_are_offered_and_odd_ones_go_the_careful_way(seats: tuple[Quiet, joint.Joint]) -> None:
    desk, made = seats
    slow: list[bytes] = []
    for payload in (GOOD, b"odd", GOOD):
        made.put(letter(desk, payload, slow))
    desk.tick()
    assert [row[1:] for row in desk.taken] == [(0, NOW, 150, 0)] * 2
    assert slow == [b"odd"]


def test_what_finds_no_room_waits_in_order(seats: tuple[Quiet, joint.Joint]) -> None:
    desk, made = seats
    slow: list[bytes] = []
    made.put(letter(desk, GOOD, slow))
    made.put(letter(desk, b"odd", slow))
    desk.full = True
    desk.tick()
    assert (desk.taken, slow, len(made.letters)) == ([], [], 2)
    desk.full = False
    desk.tick()
    assert (len(desk.taken), slow, len(made.letters)) == (1, [b"odd"], 0)


def test_a_fault_of_the_scanner_sends_the_tick_the_careful_way(seats: tuple[Quiet, joint.Joint],
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    desk, made = seats

    def broken(packets: list[Packet]) -> Found:
        raise IndexError("out of bounds")

    monkeypatch.setattr(made.scanner, "take", broken)
    slow: list[bytes] = []
    made.put(letter(desk, GOOD, slow))
    desk.tick()
    assert slow == [GOOD]
