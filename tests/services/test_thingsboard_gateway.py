"""The PyPI package thingsboard-gateway, unchanged, from a site's Mosquitto to our endpoint.

Runs where SHOUWANG_TB_GATEWAY names its executable (pip install thingsboard-gateway in a venv of its own);
docs/guides/thingsboard-gateway.md tells how. Last seen working: 3.8.5.
"""

import asyncio
import json
import os
import uuid
from pathlib import Path

import pytest

from shouwang.drivers.mqtt.serve import serve
from shouwang.drivers.tests.desk import GATEWAY, Desk, run

EXECUTABLE = os.environ.get("SHOUWANG_TB_GATEWAY", "")
pytestmark = [pytest.mark.service, pytest.mark.skipif(
    not EXECUTABLE, reason="SHOUWANG_TB_GATEWAY 没有指向 thingsboard-gateway 可执行文件")]


def configure(folder: Path, port: int, topic: str) -> None:
    """The three files of a gateway: where to send, which connector, where to log."""
    (folder / "tb_gateway.json").write_text(json.dumps({
        "thingsboard": {"host": "127.0.0.1", "port": port, "qos": 1, "minPackSendDelayMS": 50,
                        "security": {"type": "accessToken", "accessToken": GATEWAY}},
        "storage": {"type": "memory", "read_records_count": 100, "max_records_count": 1000},
        "grpc": {"enabled": False},
        "connectors": [{"name": "site", "type": "mqtt", "configuration": "mqtt.json"}]}))
    (folder / "mqtt.json").write_text(json.dumps({
        "broker": {"host": "127.0.0.1", "port": 1883, "clientId": topic, "version": 4,
                   "security": {"type": "anonymous"}},
        "mapping": [{"topicFilter": topic, "subscriptionQos": 1, "converter": {
            "type": "json", "timeout": 60000, "attributes": [],
            "deviceInfo": {"deviceNameExpressionSource": "constant", "deviceNameExpression": "Tank A",
                           "deviceProfileExpressionSource": "constant", "deviceProfileExpression": "default"},
            "timeseries": [{"type": "double", "key": "level", "value": "${level}"}]}}]}))
    (folder / "logs.json").write_text(json.dumps({"version": 1, "root": {"level": "ERROR"}}))


def test_thingsboard_gateway_connects_and_publishes_unchanged(tmp_path: Path) -> None:
    async def story() -> None:
        desk, topic = Desk(), f"t{uuid.uuid4().hex}"
        endpoint = await serve(desk, "127.0.0.1", 0)
        configure(tmp_path, endpoint.port, topic)
        (tmp_path / "logs").mkdir()
        gateway = await asyncio.create_subprocess_exec(
            EXECUTABLE, cwd=tmp_path, env={**os.environ, "TB_GW_CONFIG_DIR": str(tmp_path)},
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
        try:
            for _ in range(40):  # it subscribes when it pleases: what is published before that is nobody's
                await (await asyncio.create_subprocess_exec(
                    "mosquitto_pub", "-h", "127.0.0.1", "-t", topic, "-q", "1", "-m", '{"level":50.25}')).wait()
                await asyncio.sleep(1)
                if desk.taken:
                    break
            assert (0, 5025) in desk.values
            assert set(desk.reasons()) <= {"gateway_self"}
        finally:
            gateway.terminate()
            await gateway.wait()
            await endpoint.close()
    run(story)
