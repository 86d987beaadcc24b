"""Into a state: whose turn it is now, by when, and what everybody downstream should know of it."""

import logging
from typing import Any

from shouwang.kernel import clock, events
from shouwang.kernel.errors import ContentError
from shouwang.kernel.models import Event

from . import deadline, versions
from .models import Matter
from .spec import State

log = logging.getLogger(__name__)
BROKEN = "deadline_broken"  # in Matter.data: the deadline could not be looked up


def name(matter: Matter) -> str:
    """How events call this matter: "matter:7"."""
    return f"matter:{matter.pk}"


def facts(matter: Matter) -> dict[str, Any]:
    """What is known of the matter now, for whoever follows its events."""
    state = versions.state_of(matter)
    return {
        "flow": matter.spec, "title": matter.title, "level": matter.level, "region": matter.region,
        "line": matter.line, "top": matter.top_id, "enterprise": matter.top.name, "state": matter.state,
        "state_title": state.title, "role": matter.role, "revision": matter.revision,
        "due_at": matter.due_at.isoformat() if matter.due_at else None, "delegate": matter.delegate_id,
        "status": matter.data.get("status", "actual"), "flagged": matter.flagged,
    }


def set_deadlines(matter: Matter, state: State) -> None:
    """From the params in force. A broken param must not keep a matter from opening or moving: it is flagged, and
    looked up again every minute (`climb.tick`) until it is put right."""
    if matter.data.pop(BROKEN, None):
        matter.flagged = ""
    try:
        matter.due_at = deadline.due(state, matter.entered_at, matter.level, matter.region)
        matter.climb_at = deadline.next_rung(state, matter.rung, matter.entered_at, matter.level, matter.region)
    except (ContentError, ValueError) as wrong:
        log.error("事项 %s 的时限定不下来:%s", matter.pk, wrong)
        matter.due_at, matter.climb_at = None, clock.now()
        matter.flagged = f"时限参数有误,请运维核对:{wrong}"[:200]
        matter.data[BROKEN] = True


def enter(matter: Matter, state_id: str) -> None:
    """Into a state: whose turn, by when, when the first rung is due; an end closes the matter.

    It follows from the matter's last event, the act.
    """
    place(matter, state_id)
    matter.save(update_fields=["state", "role", "delegate", "entered_at", "overdue", "rung", "due_at", "climb_at",
                               "end", "closed_at", "flagged", "data"])
    tell_entered(matter, matter.last)


def place(matter: Matter, state_id: str) -> None:
    """The matter's row as it is on entering the state; not yet saved."""
    state = versions.spec_of(matter).states[state_id]
    now = clock.now()
    matter.state, matter.role, matter.delegate = state_id, "" if state.end else state.by, None
    matter.entered_at, matter.overdue, matter.rung = now, False, 0
    set_deadlines(matter, state)
    matter.end, matter.closed_at = state.end, now if state.end else None


def tell_entered(matter: Matter, cause: Event | None) -> None:
    """Everybody downstream hears where the matter stands, and that it is closed when it is."""
    with events.because(cause):
        entered = events.emit("flows.entered", subject=matter.subject_id, scene=matter.scene, about=name(matter),
                              remember=matter, **facts(matter))
    if matter.end:
        with events.because(entered):
            events.emit("flows.closed", subject=matter.subject_id, scene=matter.scene, about=name(matter),
                        remember=matter, end=matter.end, **facts(matter))
