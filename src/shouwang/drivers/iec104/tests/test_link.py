"""The procedures of §5 between two links, by a clock of the test's own."""

import pytest

from shouwang.drivers.iec104.link import Breach, Link, Ticket, Timing
from shouwang.drivers.iec104.packet import MODULUS, Apdu, Splitter, information, supervisory, unnumbered

UNIT = bytes.fromhex("64010600010000000014")
SHORT = Timing(k=3, w=2)


def frame(raw: bytes) -> Apdu:
    found = Splitter().feed(raw)[0]
    assert isinstance(found, Apdu)
    return found


def said(link: Link) -> list[bytes]:
    out, link.out = link.out, []
    return out


def started(timing: Timing = SHORT) -> Link:
    link = Link(timing, 0.0)
    link.start(0.0)
    assert said(link) == [unnumbered("STARTDT_ACT")]
    link.receive(frame(unnumbered("STARTDT_CON")), 0.0)
    return link


def taken(link: Link, n: int) -> Ticket:
    ticket = link.receive(frame(information(n, 0, UNIT)), 1.0)
    assert ticket is not None
    return ticket


def test_nothing_is_sent_before_the_start_is_confirmed() -> None:
    link = Link(SHORT, 0.0)
    link.start(0.0)
    link.send(UNIT, 0.0)
    assert said(link) == [unnumbered("STARTDT_ACT")]
    link.receive(frame(unnumbered("STARTDT_CON")), 1.0)
    assert said(link) == [information(0, 0, UNIT)]


def test_no_more_than_k_frames_are_under_way() -> None:
    link = started()
    for _ in range(5):
        link.send(UNIT, 0.0)
    assert said(link) == [information(n, 0, UNIT) for n in range(3)]
    link.receive(frame(supervisory(2)), 1.0)
    assert said(link) == [information(n, 0, UNIT) for n in (3, 4)]
    assert len(link.undelivered()) == 3


def test_w_settled_frames_are_acknowledged_at_once_and_fewer_after_t2() -> None:
    link = started(Timing(k=3, w=2, t3=60))
    tickets = [taken(link, n) for n in range(3)]
    assert said(link) == []  # received is not settled
    link.due(12.0)
    assert said(link) == []  # what is not on disk is not acknowledged, however late
    link.settle(tickets[1], 12.0)
    assert said(link) == []  # in the order they came
    link.settle(tickets[0], 12.0)
    assert said(link) == [supervisory(2)]
    link.settle(tickets[2], 12.0)
    link.due(21.9)
    assert said(link) == []
    link.due(22.0)
    assert said(link) == [supervisory(3)]


def test_what_is_sent_acknowledges_what_was_settled() -> None:
    link = started()
    link.settle(taken(link, 0), 1.0)
    link.send(UNIT, 2.0)
    assert said(link) == [information(0, 1, UNIT)]
    link.due(15.0)  # t2 after the receipt there is nothing left to say
    assert said(link) == []


def test_a_gap_in_the_numbers_is_a_breach() -> None:
    link = started()
    link.receive(frame(information(0, 0, UNIT)), 1.0)
    with pytest.raises(Breach) as gap:
        link.receive(frame(information(2, 0, UNIT)), 1.0)
    assert gap.value.reason == "sequence"
    with pytest.raises(Breach):
        started().receive(frame(supervisory(1)), 1.0)  # acknowledges what was never sent


def test_data_before_the_start_is_a_breach() -> None:
    with pytest.raises(Breach) as early:
        Link(SHORT, 0.0).receive(frame(information(0, 0, UNIT)), 0.0)
    assert early.value.reason == "protocol"


def test_silence_is_tested_after_t3_and_ends_after_t1() -> None:
    link = started()
    assert link.next_due() == 20.0
    link.due(20.0)
    assert said(link) == [unnumbered("TESTFR_ACT")]
    assert link.next_due() == 35.0
    link.due(34.9)
    with pytest.raises(Breach) as silent:
        link.due(35.0)
    assert silent.value.reason == "no_answer"
    answered = started()
    answered.due(20.0)
    answered.receive(frame(unnumbered("TESTFR_CON")), 21.0)
    answered.due(40.9)
    assert said(answered) == [unnumbered("TESTFR_ACT")]
    answered.due(41.0)
    assert said(answered) == [unnumbered("TESTFR_ACT")]


def test_a_start_or_a_frame_without_confirmation_ends_after_t1() -> None:
    unstarted = Link(SHORT, 0.0)
    unstarted.start(0.0)
    with pytest.raises(Breach):
        unstarted.due(15.0)
    link = started()
    link.send(UNIT, 1.0)
    link.due(15.9)
    with pytest.raises(Breach):
        link.due(16.0)


def test_a_silence_of_our_own_making_is_no_silence_of_the_peer() -> None:
    link = started()
    link.send(UNIT, 1.0)
    link.excuse(100.0)
    link.due(115.9)
    with pytest.raises(Breach):
        link.due(116.0)


def test_the_peer_may_test_and_stop() -> None:
    link = started()
    link.receive(frame(unnumbered("TESTFR_ACT")), 1.0)
    link.receive(frame(unnumbered("STOPDT_ACT")), 1.0)
    assert said(link) == [unnumbered("TESTFR_CON"), unnumbered("STOPDT_CON")]
    link.send(UNIT, 1.0)
    assert said(link) == []


def test_numbers_wrap_after_fifteen_bits() -> None:
    link, peer = started(), Link(SHORT, 0.0)
    peer.receive(frame(unnumbered("STARTDT_ACT")), 0.0)
    said(peer)
    for _ in range(MODULUS + 5):
        peer.send(UNIT, 0.0)
        for raw in said(peer):
            ticket = link.receive(frame(raw), 0.0)
            assert ticket
            link.settle(ticket, 0.0)
        for raw in said(link):
            peer.receive(frame(raw), 0.0)
    assert link.heard == 5
    assert peer.sent == 5
