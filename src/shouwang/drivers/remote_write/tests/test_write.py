"""Remote-write through a real server on a real socket."""

import asyncio
import json
import math
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shouwang.drivers.configured import Setting
from shouwang.drivers.limits import DEFAULT, Limits
from shouwang.drivers.remote_write import packet, serve
from shouwang.drivers.remote_write.decode import decode
from shouwang.drivers.remote_write.simulate import HEADERS, request, series
from shouwang.drivers.remote_write.take import Options, Rows, options
from shouwang.drivers.rows import Malformed, Row
from shouwang.drivers.tests.desk import DEVICE, GATEWAY, Desk, run, until
from shouwang.drivers.tests.test_endpoint import certificate
from shouwang.engines.telemetry import wal
from shouwang.engines.telemetry.intake import Ingest
from shouwang.engines.telemetry.plan import SourcePlan
from shouwang.engines.telemetry.quality import GOOD, NO_DATA
from shouwang.engines.telemetry.tests import cast
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput

SOURCE = "甲厂网关"
STALE = struct.unpack("<d", packet.STALE)[0]
T = 1_718_000_000_000


def desk_of(**more: Any) -> Desk:
    """A desk whose source has level and pressure{side="in"} of T101."""
    desk = Desk(**more)
    old = desk.plan.sources[0]
    desk.plan.sources[0] = SourcePlan(old.name, old.kind, old.token_hash,
                                      {"T101": {"level": 0, 'pressure{side="in"}': 1}})
    return desk


@asynccontextmanager
async def endpoint(desk: Any, limits: Limits = DEFAULT, source: str = SOURCE, token: str = GATEWAY,
                   **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A running endpoint and a client that knows the token."""
    running = await serve(desk, Setting("remote_write", source, options={"key": ["side"], **more}), limits)
    headers = {**HEADERS, "authorization": f"Bearer {token}"}
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}/api/v1", headers=headers) as client:
            yield client
    finally:
        await running.close()


def level(v: float = 50.5, t: int | None = None, **labels: str) -> dict[str, Any]:
    """One sample of the level of T101."""
    return series({"__name__": "level", "instance": "T101", **labels}, (t or clock.now_ms(), v))


def said(desk: Desk) -> list[tuple[int, int, int]]:
    return [(point, v, q) for _, point, _, v, q in desk.taken]


def test_204_comes_only_once_the_readings_are_durable() -> None:
    async def story() -> None:
        desk, now = desk_of(instant=False), clock.now_ms()
        async with endpoint(desk) as client:
            inlet = series({"__name__": "pressure", "instance": "T101", "side": "in", "job": "plc"}, (now, 0.1))
            asked = asyncio.ensure_future(client.post("/write", content=request(level(51.25, now), inlet)))
            await until(lambda: desk.waiting)
            await asyncio.sleep(0.05)  # time enough for an early answer to arrive
            assert not asked.done()
            desk.durable()
            assert ((await asked).status_code, (await asked).content) == (204, b"")
        assert desk.taken == [(SOURCE, 0, now, 5125, GOOD), (SOURCE, 1, now, 1000, GOOD)]
    run(story)


def test_an_ended_series_and_a_nan_are_no_data_never_zero() -> None:
    async def story() -> None:
        desk, now = desk_of(), clock.now_ms()
        async with endpoint(desk) as client:
            body = request(series({"__name__": "level", "instance": "T101"}, (now, 1.0), (now + 1, STALE),
                                  (now + 2, math.nan), (now + 3, math.inf)))
            assert (await client.post("/write", content=body)).status_code == 204
        assert said(desk) == [(0, 100, GOOD), (0, 0, NO_DATA), (0, 0, NO_DATA)]
        assert desk.reasons() == ["empty", "not_a_number"]
    run(story)


@pytest.mark.parametrize(("method", "path", "headers", "body", "status"), [
    ("POST", "/write", {}, b"", 400),
    ("POST", "/write", {}, b"\xff\xff\xff\xff\x0fabc", 400),
    ("POST", "/write", {}, bytes(5000), 413),
    ("POST", "/write", {}, packet.packed({"timeseries": []})[:-1] + b"\x05", 400),
    ("POST", "/write", {"content-encoding": "gzip"}, b"", 415),
    ("POST", "/write", {"content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}, b"", 415),
    ("POST", "/write", {"authorization": "Bearer wrong"}, b"", 401),
    ("POST", "/write", {"authorization": f"Bearer {DEVICE}"}, b"", 401),
    ("POST", "/write", {"authorization": f"Basic {GATEWAY}"}, b"", 401),
    ("GET", "/write", {}, b"", 405),
    ("POST", "/read", {}, b"", 404),
])
def test_what_is_wrong_is_answered_so_that_the_sender_gives_it_up(
        method: str, path: str, headers: dict[str, str], body: bytes, status: int) -> None:
    async def story() -> None:
        desk = desk_of()
        async with endpoint(desk, Limits(max_packet=2000)) as client:
            answer = await client.request(method, path, content=body, headers=headers)
            assert (answer.status_code, bool(answer.text)) == (status, True)
            assert (await client.post("/write", content=request(level()))).status_code == 204
        assert len(desk.taken) == 1
        assert GATEWAY not in str(desk.refused)
    run(story)


def test_a_small_body_that_unpacks_into_much_is_refused() -> None:
    async def story() -> None:
        async with endpoint(desk_of(), Limits(max_packet=2000)) as client:
            body = request(level(pad="x" * 36_000))
            assert len(body) <= 2000
            answer = await client.post("/write", content=body)
            assert (answer.status_code, "解压后" in answer.text) == (400, True)
    run(story)


def test_too_many_wrong_tokens_must_wait_but_the_right_one_stays_welcome() -> None:
    async def story() -> None:
        async with endpoint(desk_of(), Limits(failures=2)) as client:
            assert (await client.post("/write", content=request(level()))).status_code == 204
            wrong = {"authorization": "Bearer wrong"}
            answers = [await client.post("/write", headers=wrong) for _ in range(3)]
            assert [a.status_code for a in answers] == [401, 401, 429]
            assert answers[2].headers["retry-after"] == "60"
            assert (await client.post("/write", content=request(level()))).status_code == 204
    run(story)


def test_a_full_intake_asks_to_come_again() -> None:
    async def story() -> None:
        desk = desk_of()
        async with endpoint(desk) as client:
            desk.full = True
            answer = await client.post("/write", content=request(level()))
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            desk.full = False
            assert (await client.post("/write", content=request(level()))).status_code == 204
    run(story)


def test_what_is_not_yet_durable_is_bounded() -> None:
    async def story() -> None:
        desk = desk_of(instant=False)
        async with endpoint(desk, Limits(undurable=10)) as client:
            first = asyncio.ensure_future(client.post("/write", content=request(level())))
            await until(lambda: desk.waiting)
            assert (await client.post("/write", content=request(level()))).status_code == 503
            desk.durable()
            assert (await first).status_code == 204
    run(story)


def test_unknown_series_are_counted_and_the_rest_is_taken() -> None:
    async def story() -> None:
        desk = desk_of()
        async with endpoint(desk) as client:
            nobody = series({"__name__": "level"}, (clock.now_ms(), 1.0))
            other = series({"__name__": "go_threads", "instance": "T101"}, (clock.now_ms(), 1.0))
            old = series({"__name__": "level", "instance": "T101"}, (T, 1.0))
            body = request(nobody, other, old, level(7.0))
            assert (await client.post("/write", content=body)).status_code == 204
        assert desk.values == [(0, 700)]
        assert sorted(desk.reasons()) == ["past", "unknown_device", "unknown_key"]
    run(story)


def test_device_and_key_come_from_the_labels_chosen() -> None:
    rows = Rows(Options(device="tank", key=["side", "b"]))
    body = request(series({"__name__": "p", "tank": "甲", "side": 'a"\\', "c": "x"}, (T, 1.0), (T + 1, 2.0)))
    read, refused = rows.read(packet.unpacked(body, 10_000))
    assert read == [Row("甲", T, {'p{side="a\\"\\\\"}': "1.0"}), Row("甲", T + 1, {'p{side="a\\"\\\\"}': "2.0"})]
    assert refused == []
    with pytest.raises(BadInput, match="remote_write"):
        options({"labels": []})


def test_over_the_real_intake_what_is_answered_is_in_the_log(tmp_path: Path) -> None:
    async def story() -> None:
        cast.publish(tmp_path, cast.make_plan(1))
        ingest = Ingest(tmp_path, cast.Threshold())
        await ingest.start()
        await until(lambda: ingest.plan.version == 1)
        async with endpoint(ingest, source=ingest.plan.sources[0].name, token=cast.token(0)) as client:
            for n in range(1, 21):
                body = request(series({"__name__": "v", "instance": "D0"}, (clock.now_ms() + n, float(n))))
                assert (await client.post("/write", content=body)).status_code == 204
                logged = [v for s in wal.segments(tmp_path / "wal") for r in (wal.records(s) or (0, []))[1]
                          for v in r.v.tolist()]
                assert logged == [10 * m for m in range(1, n + 1)]
        await ingest.stop()
    run(story)


def test_tls_with_a_self_made_certificate(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)

    async def story() -> None:
        desk = desk_of()
        setting = Setting("remote_write", SOURCE, options={"certificate": cert, "certificate_key": key})
        running = await serve(desk, setting, DEFAULT)
        trusted = ssl.create_default_context(cafile=cert)
        async with httpx.AsyncClient(verify=trusted, headers={**HEADERS, "authorization": f"Bearer {GATEWAY}"}) as web:
            answer = await web.post(f"https://localhost:{running.port}/api/v1/write", content=request(level()))
            assert answer.status_code == 204
        await running.close()
        assert desk.values == [(0, 5050)]
        with pytest.raises(BadInput, match="certificate"):
            await serve(desk, Setting("remote_write", SOURCE, options={"certificate": f"{cert}.none"}), DEFAULT)
    run(story)


def test_a_port_in_use_is_named() -> None:
    async def story() -> None:
        first = await serve(desk_of(), Setting("remote_write", SOURCE), DEFAULT)
        with pytest.raises(BadInput, match=f"不能监听 127.0.0.1:{first.port}"):
            await serve(desk_of(), Setting("remote_write", SOURCE, port=first.port), DEFAULT)
        await first.close()
    run(story)


def test_a_body_is_shown_as_its_series() -> None:
    body = request(series({"__name__": "level", "instance": "T101"}, (T, 1.5), (T + 1, STALE), (-1, math.inf)))
    assert json.loads(json.dumps(decode({"hex": body.hex()}))) == {"series": [{
        "labels": {"__name__": "level", "instance": "T101"}, "histograms": 0,
        "samples": [{"t": T, "v": 1.5}, {"t": T + 1, "v": "stale"}, {"t": -1, "v": "inf"}]}]}
    for wrong in ({}, {"hex": "x"}, {"hex": "00ff"}):
        with pytest.raises(Malformed):
            decode(wrong)


@given(st.floats(allow_nan=False), st.integers(-2**63, 2**63 - 1))
def test_the_short_way_reads_a_sample_as_the_long_way_does(v: float, t: int) -> None:
    one = packet.protobuf.write({"value": v, "timestamp": t}, packet.SAMPLE)
    assert packet._sample(one) == packet._any_sample(one) == (t, v)
    assert packet._sample(one[9:] + one[:9]) == (t, v)


GOOD_BODY = request(level(t=T))


@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_malformed(raw: bytes) -> None:
    rows = Rows(Options())
    for read in (lambda: rows.read(raw), lambda: rows.read(packet.unpacked(raw, 10_000))):
        with suppress(Malformed):
            read()


@given(st.integers(0, len(GOOD_BODY) - 1), st.integers(0, 255))
def test_a_mutated_body_is_read_or_malformed_and_the_next_one_is_read(at: int, byte: int) -> None:
    rows = Rows(Options())
    with suppress(Malformed):
        rows.read(packet.unpacked(GOOD_BODY[:at] + bytes([byte]) + GOOD_BODY[at + 1:], 10_000))
    assert rows.read(packet.unpacked(GOOD_BODY, 10_000))[0] == [Row("T101", T, {"level": "50.5"})]
