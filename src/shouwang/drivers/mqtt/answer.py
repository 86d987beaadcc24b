"""What a ThingsBoard client asks back for. Without an answer to getSessionLimits thingsboard-gateway sends nothing.

Shape of the limits: as thingsboard-gateway 3.8.5 and tb-mqtt-client 1.13 (Apache-2.0) read them; "" means no limit.
"""

import re
from typing import Any

import msgspec

from ..limits import Limits

_REQUEST = re.compile(r"(v1/devices/me/(rpc|attributes)|v2/[ar])/req(?:uest)?/(\d{1,10})")
INFLIGHT = 1000  # messages a gateway may have unacknowledged; our acknowledgement takes one tick, some 20 ms
NO_LIMITS = {"messages": "", "telemetryMessages": "", "telemetryDataPoints": ""}
_RESPONSE = {"v1/devices/me/rpc": "v1/devices/me/rpc/response/", "v2/r": "v2/r/res/",
             "v1/devices/me/attributes": "v1/devices/me/attributes/response/", "v2/a": "v2/a/res/"}


def answer(topic: str, payload: bytes, limits: Limits) -> tuple[str, bytes] | None:
    """(topic, payload) to send back to a request, None when nothing was asked."""
    if topic == "v1/gateway/attributes/request":
        asked = _object(payload)
        said = {key: asked[key] for key in ("id", "device") if isinstance(asked.get(key), int | str)}
        return "v1/gateway/attributes/response", msgspec.json.encode(said)
    found = _REQUEST.fullmatch(topic)
    if found is None:
        return None
    shared: dict[str, Any] = {}  # no shared attributes are kept
    if found[1] in ("v1/devices/me/rpc", "v2/r"):
        shared = _call(_object(payload).get("method"), limits)
    return _RESPONSE[found[1]] + found[3], msgspec.json.encode(shared)


def _call(method: object, limits: Limits) -> dict[str, Any]:
    if method == "getSessionLimits":
        return {"maxPayloadSize": limits.max_packet, "maxInflightMessages": INFLIGHT,
                "rateLimits": NO_LIMITS, "gatewayRateLimits": NO_LIMITS}
    return {"error": "本平台不提供设备侧 RPC"}


def _object(payload: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(payload)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
