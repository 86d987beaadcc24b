"""Which text of a flow a matter runs under: the one it began with, kept word for word."""

import hashlib
import json
from typing import Any

from shouwang.kernel import clock, content
from shouwang.kernel.models import SpecVersion

from .models import Matter
from .spec import FlowSpec, State

_read: dict[str, FlowSpec] = {}
_written: dict[int, tuple[FlowSpec, dict[str, Any], str]] = {}  # by id(); the spec is kept, so the id stays its own


def pin(spec: FlowSpec) -> SpecVersion:
    """The row that keeps this text of the flow; made when the text is first used."""
    if id(spec) not in _written:
        body = spec.model_dump(mode="json")
        text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        _written[id(spec)] = (spec, body, hashlib.sha256(text.encode()).hexdigest())
    _, body, digest = _written[id(spec)]
    row, _ = SpecVersion.objects.get_or_create(kind="flows", key=spec.key, digest=digest,
                                               defaults={"body": body, "first_seen": clock.now()})
    return row


def spec_of(matter: Matter) -> FlowSpec:
    """The flow as it stood when the matter was opened. The digest names the text, so it is read once a process."""
    digest = matter.version.digest
    if digest not in _read:
        _read[digest] = FlowSpec.model_validate(matter.version.body)
    return _read[digest]


def state_of(matter: Matter) -> State:
    """The state the matter is in, in its own version."""
    return spec_of(matter).states[matter.state]


def current(key: str) -> FlowSpec:
    """The flow as declared today; unknown is a ContentError."""
    found: FlowSpec = content.get("flows", key)
    return found
