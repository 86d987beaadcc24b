"""Whatever an outstation sends, the session counts it or closes; nothing escapes, and the next one starts clean."""

import asyncio
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from shouwang.drivers.iec104 import asdu
from shouwang.drivers.iec104.options import Options
from shouwang.drivers.iec104.packet import information, supervisory, unnumbered
from shouwang.drivers.iec104.read import Receipt
from shouwang.drivers.iec104.session import Context, Session
from shouwang.drivers.iec104.tests.test_session import SOURCE, plan
from shouwang.drivers.limits import DEFAULT
from shouwang.drivers.tests.desk import Desk, run

UNITS = st.builds(lambda number, structure, body: asdu.HEAD.pack(number, structure, 3, 0, 47) + body,
                  st.sampled_from([*sorted(asdu.TYPES), 0, 127, 200]), st.integers(0, 255), st.binary(max_size=40))
FRAMES = st.one_of(
    st.binary(max_size=30), st.builds(information, st.integers(0, 3), st.integers(0, 2), UNITS),
    st.builds(supervisory, st.integers(0, 3)),
    st.sampled_from(["STARTDT_CON", "STOPDT_ACT", "TESTFR_ACT"]).map(unnumbered))


class Wire(asyncio.Transport):
    """A socket that swallows."""

    closing = False

    def write(self, data: Any) -> None:
        assert not self.closing

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading


def connected() -> tuple[Desk, Session]:
    desk = Desk()
    desk.plan = plan()
    session = Session(Context(desk, SOURCE, Options("x"), DEFAULT, {}, Receipt()))
    session.connection_made(cast(asyncio.BaseTransport, Wire()))
    return desk, session


def test_a_station_that_reads_nothing_is_left() -> None:
    async def told() -> None:
        desk, session = connected()
        session.pause_writing()
        assert session.transport.is_closing()
        assert desk.reasons() == ["no_answer"]
        session.connection_lost(None)
    run(told)


@settings(max_examples=200, deadline=None)
@given(st.lists(FRAMES, max_size=12))
def test_no_octets_break_a_session(frames: list[bytes]) -> None:
    async def told() -> None:
        desk, session = connected()
        session.data_received(unnumbered("STARTDT_CON"))
        for octets in frames:
            if not session.transport.is_closing():
                session.data_received(octets)
            await asyncio.sleep(0)
        session.connection_lost(None)
        assert "internal" not in desk.reasons()
        assert session.closed.done()
    run(told)
