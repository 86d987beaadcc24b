"""One connection: logins, acknowledgements, faults that end it and faults that do not."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shouwang.drivers.limits import Limits
from shouwang.drivers.mqtt import packet as p
from shouwang.drivers.tests.desk import DEVICE, GATEWAY, Desk, endpoint, plan, run, until
from shouwang.drivers.tests.wire import Wire, connect, publish, subscribe


@pytest.mark.parametrize(("said", "version"), [
    (connect(DEVICE), 4), (connect(DEVICE, ""), 4), (connect("any", DEVICE), 4), (connect(DEVICE, "ignored"), 4),
    (connect(None, DEVICE, version=5), 5), (connect(DEVICE, version=5), 5), (connect(DEVICE, will=True), 4),
])
def test_the_token_may_be_user_name_or_password(said: bytes, version: int) -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as e:
            wire = await Wire.open(e.port)
            wire.send(said)
            frame = await wire.frame()
            assert frame is not None
            assert frame.body[:2] == b"\0\0"
            assert desk.events == [("甲厂液位计", "connected")]
            assert e.connections == 1
            wire.close()
            await until(lambda: e.connections == 0)
            assert desk.events[-1] == ("甲厂液位计", "disconnected")
    run(story)


@pytest.mark.parametrize(("said", "code", "reason"), [
    (connect("wrong"), 4, "bad_credentials"), (connect("wrong", version=5), 0x86, "bad_credentials"),
    (connect(), 5, "bad_credentials"), (connect(version=5), 0x87, "bad_credentials"),
    (connect(DEVICE, version=6), 1, "unsupported_version"), (connect(DEVICE, client_id="", clean=False), 2, "protocol"),
    (connect(DEVICE, version=5, properties=b"\x15\0\1x"), 0x8C, "bad_credentials"),
])
def test_who_is_not_welcome_is_told_and_counted(said: bytes, code: int, reason: str) -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as e:
            wire = await Wire.open(e.port)
            wire.send(said)
            frame, = await wire.closed()
            assert (frame.type, frame.body[1]) == (p.CONNACK, code)
            assert desk.reasons() == [reason]
            assert desk.refused[0][0] == "127.0.0.1"
            assert DEVICE not in str(desk.refused)
    run(story)


def test_a_malformed_payload_does_not_hide_the_next_good_one() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as e:
            wire = await Wire.login(e.port, DEVICE)
            wire.send(publish('{"level":', packet_id=1) + publish('{"level":7}', packet_id=2))
            assert await wire.acknowledged(2) == [1, 2]
            assert desk.values == [(4, 7)]
            assert desk.reasons() == ["malformed"]
    run(story)


def test_a_mixed_message_keeps_its_good_readings_and_counts_the_rest() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as e:
            wire = await Wire.login(e.port, GATEWAY)
            wire.send(publish(
                '{"Tank A":[{"values":{"level":50.255,"pressure":{"value":101,"unit":"kPa"},"colour":"red","smell":1,'
                '"temperature":null}},{"ts":1,"values":{"level":1,"pressure":2}},'
                '{"ts":99999999999999,"values":{"level":1}}],"Tank Z":[{"values":{"level":1,"x":2}}],'
                '"Tank B":[{"values":{"level":"high"}},{"values":{"level":{"value":3,"unit":"mm"}}},'
                '{"values":{"level":NaN}},{"values":{"level":1E+1}}]}', "v1/gateway/telemetry"))
            await wire.acknowledged(1)
            assert desk.values == [(0, 5026), (1, 1010), (2, 0), (3, 1000)]
            assert [q for *_, q in desk.taken] == [0, 0, 5, 0]
            counted = {reason: count for _, reason, _, count in desk.refused}
            assert counted == {"unknown_key": 2, "empty": 1, "past": 2, "future": 1, "unknown_device": 2,
                               "not_a_number": 2, "unit": 1}
    run(story)


def test_acknowledgements_wait_for_the_disk_and_keep_their_order() -> None:
    async def story() -> None:
        desk = Desk(instant=False)
        async with endpoint(desk) as e:
            wire = await Wire.login(e.port, DEVICE)
            for i in range(1, 6):
                wire.send(publish(f'{{"level":{i}}}' if i % 2 else "not json", packet_id=i))
            await until(lambda: len(desk.waiting) == 3)
            assert await wire.silent()
            desk.waiting.pop()()  # the last one first
            assert await wire.silent()
            desk.durable()
            assert await wire.acknowledged(5) == [1, 2, 3, 4, 5]
            assert e.undurable == 0
    run(story)


def test_qos_2_is_taken_once() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as e:
            wire = await Wire.login(e.port, DEVICE)
            for dup in (False, True):
                wire.send(publish('{"level":7}', qos=2, packet_id=3, dup=dup))
                frame = await wire.frame()
                assert frame is not None
                assert (frame.type, frame.body) == (p.PUBREC, b"\0\3")
            wire.send(p.acknowledge(p.PUBREL, p.V311, 3))
            frame = await wire.frame()
            assert frame is not None
            assert (frame.type, frame.body) == (p.PUBCOMP, b"\0\3")
            assert desk.values == [(4, 7)]
    run(story)


def test_mqtt_5_learns_why_a_message_was_not_read() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as e:
            wire = await Wire.login(e.port, DEVICE, version=5)
            for raw, code in ((publish("{", version=5), 0x99), (publish("{}", "elsewhere", version=5), 0x90)):
                wire.send(raw)
                frame = await wire.frame()
                assert frame is not None
                assert frame.body == b"\0\1" + bytes([code])
            assert desk.reasons() == ["malformed", "unknown_topic"]
    run(story)


def test_subscriptions_pings_and_requests_are_answered() -> None:
    async def story() -> None:
        async with endpoint(Desk()) as e:
            wire = await Wire.login(e.port, GATEWAY)
            wire.send(subscribe("v1/gateway/rpc", "v1/devices/me/rpc/response/+") + p.pack(p.PINGREQ) + publish(
                '{"method":"getSessionLimits"}', "v1/devices/me/rpc/request/5"))
            frames = [await wire.frame() for _ in range(4)]
            assert [f and f.type for f in frames] == [p.SUBACK, p.PINGRESP, p.PUBLISH, p.PUBACK]
            said = p.read_publish(frames[2], p.V311)
            assert said.topic == "v1/devices/me/rpc/response/5"
            assert b"gatewayRateLimits" in said.payload
            wire.send(p.pack(p.UNSUBSCRIBE, b"\0\7" + p.text("v1/gateway/rpc"), 2))
            frame = await wire.frame()
            assert frame == p.Frame(p.UNSUBACK, 0, b"\0\7")
    run(story)


@pytest.mark.parametrize(("raw", "reason"), [
    (publish("x" * 5000), "packet_too_big"), (b"\xf0\x00", "protocol"), (connect(DEVICE), "protocol"),
    (p.pack(p.PUBLISH, b"\0\1"), "malformed_packet"), (b"\x61\x00", "malformed_packet"),
])
def test_a_broken_packet_ends_its_connection_and_no_other(raw: bytes, reason: str) -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk, Limits(max_packet=4096)) as e:
            good, bad = await Wire.login(e.port, DEVICE), await Wire.login(e.port, GATEWAY)
            bad.send(publish('{"Tank A":{"level":1}}', "v1/gateway/telemetry", packet_id=8) + raw)
            await bad.closed()
            assert desk.reasons() == [reason]
            good.send(publish('{"level":7}'))
            assert await good.acknowledged(1) == [1]
            assert sorted(desk.values) == [(0, 100), (4, 7)]
    run(story)


@pytest.mark.parametrize("raw", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00", p.pack(p.PINGREQ), publish("{}"),
                                 b"\x10\x80\x80\x7f" + bytes(100)])
def test_strangers_of_other_protocols_are_sent_away(raw: bytes) -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as e:
            wire = await Wire.open(e.port)
            wire.send(raw)
            assert await wire.closed() == []
            assert len(desk.reasons()) == 1
    run(story)


def test_a_topic_too_long_is_refused_and_the_connection_lives() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as e:
            wire = await Wire.login(e.port, DEVICE)
            wire.send(publish("{}", "t" * 600) + publish('{"level":7}', packet_id=2))
            assert await wire.acknowledged(2) == [1, 2]
            assert desk.reasons() == ["topic_too_long"]
    run(story)


def test_a_revoked_credential_ends_the_connection_and_a_new_plan_keeps_the_others() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as e:
            gateway, device = await Wire.login(e.port, GATEWAY), await Wire.login(e.port, DEVICE, version=5)
            desk.plan = plan(2, without="甲厂网关")
            device.send(publish('{"level":7}', version=5))
            assert await device.acknowledged(1) == [1]
            gateway.send(publish('{"Tank A":{"level":1}}', "v1/gateway/telemetry"))
            assert await gateway.closed() == []
            assert desk.taken[0][:2] == ("甲厂液位计", 4)
            assert desk.reasons() == ["revoked"]
    run(story)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=60)), min_size=1, max_size=8))
def test_no_bytes_bring_the_endpoint_down(tries: list[tuple[bool, bytes]]) -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as e:
            for known, noise in tries:
                wire = await Wire.login(e.port, DEVICE) if known else await Wire.open(e.port)
                wire.send(noise)
                wire.close()
            good = await Wire.login(e.port, DEVICE, client_id="good")
            good.send(publish('{"level":7}'))
            assert await good.acknowledged(1) == [1]
            assert "internal" not in desk.reasons()
    run(story)


def test_packets_split_at_every_byte_over_a_real_socket() -> None:
    async def story() -> None:
        desk = Desk()
        stream = connect(DEVICE) + publish('{"level":1}') + publish('{"level":2}', packet_id=2)
        async with endpoint(desk) as e:
            for at in range(1, len(stream), 7):
                wire = await Wire.open(e.port)
                wire.send(stream[:at])
                await wire.writer.drain()
                await asyncio.sleep(0.002)  # lets the first part travel alone
                wire.send(stream[at:])
                await wire.frame()
                assert await wire.acknowledged(2) == [1, 2]
                wire.close()
        assert not desk.refused
    run(story)
