"""What the ingest process tells about itself: latest values and the health of every source. No Django here."""

import os
from typing import Any

import numpy as np

from shouwang.kernel import clock

from . import quality, wal
from .intake import Ingest


def latest(ingest: Ingest, ids: list[int]) -> dict[int, tuple[int, float | None, str]]:
    """Point id → (event time ms, value in the point's unit, quality word); points never heard are left out."""
    standing, index = ingest.machine.standing, ingest.plan.index
    known = [(i, index[i]) for i in ids if i in index]
    if not known:
        return {}
    rows = np.array([k for _, k in known])
    t, q = standing.t[rows].tolist(), standing.q[rows].tolist()
    v = (standing.v[rows] / 10.0 ** ingest.plan.points["digits"][rows]).tolist()
    return {i: (t[n], None if q[n] == quality.NO_DATA else v[n], quality.word(q[n]))
            for n, (i, _) in enumerate(known) if t[n]}


def health(ingest: Ingest) -> dict[str, Any]:
    """The whole picture: rates, durability, backlog, sources, refusals (times in ms)."""
    now_ms, tally, standing = clock.now_ms(), ingest.tally, ingest.machine.standing
    return {
        "running": True, "pid": os.getpid(), "now": now_ms, "since": tally.since_ms,
        "plan": ingest.plan.version, "points": len(ingest.plan.points), "problems": dict(ingest.problems),
        "points_heard": int((standing.t > 0).sum()),
        "readings": int(standing.readings.sum()), "late": int(standing.late.sum()),
        "messages": tally.total_messages,
        "readings_per_s": tally.readings.read(now_ms, tally.since_ms),
        "messages_per_s": tally.messages.read(now_ms, tally.since_ms),
        "record": ingest.machine.record, "durable": ingest.wal.last, "sync_ms": round(ingest.sync_ms, 2),
        "in_history": wal.taken(ingest.data), "journal": ingest.journal.n, "waiting": ingest.waiting,
        "replayed": ingest.recovered.replayed, "refused": tally.reasons(),
        "refused_unknown": dict(tally.refused.get("", {})), "refusals": list(tally.ring),
        "sources": [_source(ingest, i, now_ms) for i in range(len(ingest.plan.sources))],
    }


def _source(ingest: Ingest, i: int, now_ms: int) -> dict[str, Any]:
    source, standing, tally = ingest.plan.sources[i], ingest.machine.standing, ingest.tally
    events: dict[str, int] = dict(tally.events.get(source.name, {}))
    heard = int(standing.heard[i])
    return {
        "name": source.name, "kind": source.kind, "connected": tally.connected(source.name),
        "points": int(ingest.point_counts[i]), "readings": int(standing.readings[i]),
        "late": int(standing.late[i]), "messages": events.get("message", 0), "events": events,
        "last_t": int(standing.mark[i]) or None, "heard": heard or None,
        "silent_ms": now_ms - heard if heard else None,
        "lag_ms": heard - int(standing.mark[i]) if heard else None,
        "refused": dict(tally.refused.get(source.name, {})),
    }
