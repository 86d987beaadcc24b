"""What a broker's address and topics mean; the broker itself is met in tests/services."""

import pytest

from shouwang.drivers.mqtt.subscribe import Broker, Feed, parse_url, place
from shouwang.kernel.errors import BadInput


def test_an_address_names_broker_credential_and_feeds() -> None:
    broker = parse_url("mqtts://u%40x:p%3Aw@broker.example:8884/?topic=site/%23&source=甲厂&topic=mine/+/data&source=乙矿"
                       "&client=one&ca=/etc/ca.pem")
    assert broker == Broker("broker.example", 8884, True, (Feed("site/#", "甲厂"), Feed("mine/+/data", "乙矿")),
                            "u@x", "p:w", "/etc/ca.pem", "one")
    assert "p:w" not in repr(broker)


def test_defaults_of_an_address() -> None:
    broker = parse_url("mqtt://localhost/?topic=a&source=b")
    assert (broker.port, broker.tls, broker.username) == (1883, False, None)
    assert broker.client_id == parse_url("mqtt://localhost/?topic=a&source=b").client_id


@pytest.mark.parametrize("url", ["", "localhost:1883", "http://x/?topic=a&source=b", "mqtt://x/", "mqtt://x/?topic=a",
                                 "mqtt://x/?topic=a&topic=b&source=c", "mqtt:///?topic=a&source=b",
                                 "mqtt://x:port/?topic=a&source=b"])
def test_an_address_that_cannot_be_is_refused_with_a_remedy(url: str) -> None:
    with pytest.raises(BadInput, match="SHOUWANG_MQTT_BROKER"):
        parse_url(url)


@pytest.mark.parametrize(("topic", "wanted", "kind", "device"), [
    ("v1/gateway/telemetry", "v1/#", ("telemetry", True), None),
    ("site/v1/gateway/telemetry", "site/#", ("telemetry", True), None),
    ("site/v1/devices/me/telemetry", "site/#", ("telemetry", False), None),
    ("site/Tank A", "site/#", ("telemetry", False), "Tank A"),
    ("site/Tank A/telemetry", "site/+/telemetry", ("telemetry", False), "Tank A"),
    ("site/Tank A/attributes", "site/#", ("attributes", False), "Tank A"),
    ("site", "site/#", ("telemetry", False), None),
    ("site/level", "site/level", ("telemetry", False), None),
    ("Tank A", "#", ("telemetry", False), "Tank A"),
    ("site/hall/Tank A", "site/#", None, None),
])
def test_a_topic_says_what_and_whose(topic: str, wanted: str, kind: object, device: str | None) -> None:
    assert place(topic, Feed(wanted, "甲厂")) == (kind, device)
