"""What a driver tolerates. Every number is 本系统默认 (our own default) unless its line names a source."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from shouwang.kernel.errors import BadInput

MINUTE_MS = 60_000
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, spans in seconds unless the name says otherwise."""

    max_packet: int = 1_048_576  # one MQTT packet or one HTTP body
    max_connect: int = 16_384  # a CONNECT packet, before anybody is known
    max_topic: int = 512  # characters of a topic
    connect_within: float = 10.0  # a socket that has not said CONNECT by then is closed
    undurable: int = 4_194_304  # taken from one connection and not yet on disk: then stop reading it
    undurable_all: int = 268_435_456  # the same over all connections
    connections: int = 20_000
    failures: int = 10  # failed logins an address may make …
    failures_within: float = 60.0  # … within this span
    future_ms: int = 15 * MINUTE_MS  # a reading further ahead of our clock is refused
    past_ms: int = 30 * DAY_MS  # an older reading is refused



def read(environ: Mapping[str, str]) -> Limits:
    """The defaults with what SHOUWANG_LIMIT_<NAME> sets, e.g. SHOUWANG_LIMIT_PAST_MS; a bad number is a BadInput."""
    given: dict[str, Any] = {}
    for one in fields(Limits):
        text = environ.get(f"SHOUWANG_LIMIT_{one.name.upper()}")
        if text is None:
            continue
        try:
            given[one.name] = float(text) if isinstance(one.default, float) else int(text)
        except ValueError:
            raise BadInput(f"环境变量 SHOUWANG_LIMIT_{one.name.upper()} 应是数字,而不是 {text!r}") from None
    return Limits(**given)


DEFAULT = read(os.environ)
