"""Clients as they are in the field, unchanged: mosquitto_pub and paho."""

import asyncio
import shutil

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from shouwang.drivers.tests.desk import DEVICE, GATEWAY, Desk, endpoint, run, until

mosquitto = pytest.mark.skipif(not shutil.which("mosquitto_pub"), reason="本机没有 mosquitto_pub")


async def publish(port: int, *arguments: str) -> tuple[int, str]:
    """mosquitto_pub: exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        "mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


@mosquitto
@pytest.mark.parametrize("qos", "012")
@pytest.mark.parametrize("version", ["mqttv31", "mqttv311", "mqttv5"])
def test_mosquitto_pub_delivers_at_every_qos_and_version(qos: str, version: str) -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as e:
            code, said = await publish(e.port, "-u", DEVICE, "-t", "v1/devices/me/telemetry", "-q", qos,
                                       "-V", version, "-m", '{"level":95}')
            assert code == 0, said
            await until(lambda: desk.values == [(4, 95)])
    run(story)


@mosquitto
def test_mosquitto_pub_with_a_wrong_token_is_refused_and_counted() -> None:
    async def story() -> None:
        desk = Desk()
        async with endpoint(desk) as e:
            code, said = await publish(e.port, "-u", "wrong", "-t", "v1/devices/me/telemetry", "-m", "{}")
            assert code == 4, said  # mosquitto_pub's code for a CONNACK that refuses the user name
            assert desk.reasons() == ["bad_credentials"]
            assert "wrong" not in str(desk.refused)
            assert not desk.taken
    run(story)


@pytest.mark.parametrize("protocol", [paho.MQTTv311, paho.MQTTv5])
def test_paho_gets_its_acknowledgement_only_once_the_reading_is_durable(protocol: int) -> None:
    async def story() -> None:
        desk = Desk(instant=False)
        async with endpoint(desk) as e:
            client = paho.Client(CallbackAPIVersion.VERSION2, "gw", protocol=protocol)
            client.username_pw_set(GATEWAY)
            client.connect_async("127.0.0.1", e.port)
            client.loop_start()
            await until(client.is_connected)
            client.subscribe([("v1/gateway/rpc", 1), ("v1/gateway/attributes", 0)])
            sent = client.publish("v1/gateway/telemetry", b'{"Tank A":[{"values":{"level":1.5}}]}', 1)
            await until(lambda: desk.values == [(0, 150)])
            await asyncio.sleep(0.05)  # time enough for an early acknowledgement to be seen
            assert not sent.is_published()
            desk.durable()
            await until(sent.is_published)
            client.disconnect()
            await asyncio.to_thread(client.loop_stop)
            await until(lambda: desk.events == [("甲厂网关", "connected"), ("甲厂网关", "disconnected")])
    run(story)
