"""The endpoint as a whole: ports, TLS, silence, takeover, pressure, failed logins."""

import asyncio
import logging
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from shouwang.drivers.limits import Limits
from shouwang.drivers.logins import Logins
from shouwang.drivers.mqtt import packet as p
from shouwang.drivers.mqtt.serve import serve, server_context
from shouwang.drivers.tests.desk import DEVICE, GATEWAY, Desk, endpoint, free_port, run, until
from shouwang.drivers.tests.wire import Wire, connect, publish
from shouwang.kernel.errors import ShouwangError


def test_a_taken_port_is_named_and_the_next_free_one_used(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            async with endpoint(Desk(), port=port) as e:
                assert port < e.port <= port + 20
                assert e.taken[0] == port
                await Wire.login(e.port, DEVICE)
    with caplog.at_level(logging.WARNING):
        run(story)
    assert "已被其他程序占用" in caplog.text


def test_when_all_ports_are_taken_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        monkeypatch.setattr("shouwang.drivers.mqtt.serve.TRIES", 0)
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            with pytest.raises(ShouwangError, match="都被占用"):
                await serve(Desk(), "127.0.0.1", other.getsockname()[1])
    run(story)


def certificate(folder: Path) -> tuple[str, str]:
    """A self-made certificate for localhost: (certificate, key) files."""
    files = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


def test_tls_with_a_self_made_certificate(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)

    async def story() -> None:
        desk = Desk()
        async with endpoint(desk, tls=server_context(cert, key)) as e:
            wire = await Wire.open(e.port, ssl.create_default_context(cafile=cert))
            wire.send(connect(DEVICE) + publish('{"level":7}' + " " * 100_000))
            await wire.frame()
            assert await wire.acknowledged(1) == [1]
            assert desk.values == [(4, 7)]
            with pytest.raises(ssl.SSLCertVerificationError):
                await Wire.open(e.port, ssl.create_default_context())
            plain = await Wire.open(e.port)
            plain.send(connect(DEVICE))
            assert not [f for f in await plain.closed() if f.type == p.CONNACK]
    run(story)


def test_silence_beyond_one_and_a_half_keep_alives_ends_the_connection() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as e:
            silent = await Wire.login(e.port, DEVICE, keep_alive=1, client_id="a")
            lively = await Wire.login(e.port, DEVICE, keep_alive=1, client_id="b")
            patient = await Wire.login(e.port, DEVICE, keep_alive=0, client_id="c")
            ended = asyncio.ensure_future(silent.closed())
            while not ended.done():
                lively.send(p.pack(p.PINGREQ))
                assert await lively.frame() == p.Frame(p.PINGRESP, 0, b"")
                await asyncio.sleep(0.2)
            assert desk.reasons() == ["keep_alive"]
            patient.send(p.pack(p.PINGREQ))
            assert await patient.frame() is not None
            assert e.connections == 2
    run(story)


def test_who_never_says_connect_is_sent_away() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk, Limits(connect_within=0.3)) as e:
            wire = await Wire.open(e.port)
            assert await wire.closed() == []
            assert desk.reasons() == ["protocol"]
    run(story)


def test_the_same_client_id_takes_over_but_not_from_another_source() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as e:
            first = await Wire.login(e.port, DEVICE, client_id="x", version=5)
            other = await Wire.login(e.port, GATEWAY, client_id="x")
            second = await Wire.login(e.port, DEVICE, client_id="x", version=5)
            farewell, = await first.closed()
            assert (farewell.type, farewell.body) == (p.DISCONNECT, bytes([p.TAKEN_OVER]))
            await until(lambda: e.connections == 2)
            for wire, raw in ((other, publish('{"Tank A":{"level":1}}', "v1/gateway/telemetry")),
                              (second, publish('{"level":7}', version=5))):
                wire.send(raw)
                assert await wire.acknowledged(1) == [1]
    run(story)


def test_many_failed_logins_make_an_address_wait_but_not_its_known_gateways() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk, Limits(failures=3, failures_within=1000)) as e:
            (await Wire.login(e.port, GATEWAY)).close()
            codes = []
            for token in ("w1", "w2", "w3", "w4", DEVICE):
                wire = await Wire.open(e.port)
                wire.send(connect(token))
                frame, = await wire.closed()
                codes.append(frame.body[1])
            assert codes == [4, 4, 4, 3, 3]
            assert desk.reasons() == ["bad_credentials"] * 3 + ["login_limited"] * 2
            await Wire.login(e.port, GATEWAY)
    run(story)


def test_a_waiting_address_may_try_again_later() -> None:
    logins = Logins(Limits(failures=2, failures_within=10))
    for _ in range(2):
        assert logins.may("a", "t", 100.0)
        logins.failed("a", 100.0)
    assert not logins.may("a", "t", 100.0)
    assert logins.may("b", "t", 100.0)
    assert logins.may("a", "t", 106.0)


def test_a_connection_with_too_much_undurable_is_not_read_until_the_disk_has_it() -> None:
    async def story() -> None:
        desk = Desk(instant=False)
        count, size = 400, 20_000
        async with endpoint(desk, Limits(undurable=200_000)) as e:
            wire, other = await Wire.login(e.port, DEVICE), await Wire.login(e.port, GATEWAY)
            message = '{"level":7}' + " " * size

            async def flood() -> None:
                for i in range(count):
                    wire.send(publish(message, packet_id=i + 1))
                    await wire.writer.drain()

            flooding = asyncio.ensure_future(flood())
            await until(lambda: e.undurable > 200_000)
            other.send(publish('{"Tank A":{"level":1}}', "v1/gateway/telemetry"))
            await until(lambda: (0, 100) in desk.values)
            await asyncio.sleep(0.2)  # whatever can come without reading on has come
            assert len(desk.taken) < count / 2
            assert not flooding.done()
            desk.instant = True
            desk.durable()
            assert await wire.acknowledged(count) == list(range(1, count + 1))
            await flooding
            assert e.undurable == 0
            assert len(desk.taken) == count + 1
    run(story)


def test_the_limit_over_all_connections_stops_them_all() -> None:
    async def story() -> None:
        desk = Desk(instant=False)
        async with endpoint(desk, Limits(undurable_all=50_000)) as e:
            wires = [await Wire.login(e.port, DEVICE, client_id=str(i)) for i in range(5)]
            for wire in wires:
                wire.send(publish('{"level":7}' + " " * 60_000))
                await until(lambda: e.undurable > 50_000)
            await asyncio.sleep(0.1)
            before = len(desk.taken)
            for wire in wires:
                wire.send(publish('{"level":8}', packet_id=2))
            await asyncio.sleep(0.1)
            assert len(desk.taken) - before <= 5 - before
            desk.instant = True
            desk.durable()
            for wire in wires:
                assert await wire.acknowledged(2) == [1, 2]
            assert len(desk.taken) == 10
    run(story)


def test_a_full_intake_is_asked_again_and_nothing_is_lost_or_doubled() -> None:
    async def story() -> None:
        desk = Desk()
        desk.full = True
        async with endpoint(desk) as e:
            wire = await Wire.login(e.port, DEVICE)
            wire.send(b"".join(publish(f'{{"level":{i},"x":1}}', packet_id=i) for i in range(1, 51)))
            assert await wire.silent(0.3)
            assert not desk.taken
            assert not desk.refused
            desk.full = False
            assert await wire.acknowledged(50) == list(range(1, 51))
            assert [v for _, v in desk.values] == list(range(1, 51))
            assert desk.reasons() == ["unknown_key"] * 50
    run(story)


def test_too_many_connections_are_turned_away() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk, Limits(connections=2)) as e:
            kept = [await Wire.open(e.port) for _ in range(2)]
            await until(lambda: e.connections == 2)
            assert await (await Wire.open(e.port)).closed() == []
            kept[0].send(connect(DEVICE))
            assert await kept[0].frame() is not None
            assert desk.reasons() == ["too_many_connections"]
    run(story)


def test_closing_lets_everybody_go_and_frees_the_port() -> None:
    async def story() -> None:
        port = free_port()
        async with endpoint(Desk(), port=port) as e:
            wire = await Wire.login(e.port, DEVICE, version=5)
        farewell, = await wire.closed()
        assert farewell.body == bytes([p.SHUTTING_DOWN])
        async with endpoint(Desk(), port=port) as again:
            assert again.port == port
    run(story)
