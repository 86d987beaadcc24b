"""One message of ThingsBoard's API in the words of the test vectors."""

from typing import Any

from ..rows import Malformed
from ..thingsboard import decode as read


def decode(item: dict[str, Any]) -> dict[str, Any]:
    """What `payload` says under `topic`."""
    topic, payload = item.get("topic"), item.get("payload")
    if not isinstance(topic, str) or not isinstance(payload, str):
        raise Malformed("需要 topic 与 payload(文本)")
    try:
        told: dict[str, Any] = read(topic, payload.encode("utf-8", "surrogatepass"))
    except KeyError:
        raise Malformed(f"主题不认识: {topic[:200]}") from None
    return told
