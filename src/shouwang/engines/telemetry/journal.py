"""Transitions on their way to the business plane: an append-only journal of numbered records. No Django here."""

import msgspec


class Transition(msgspec.Struct, frozen=True):
    """One change of one rule on one point, as the kernel found it. (rule, point, seq) identifies it for ever."""

    n: int  # position in the journal, from 1, no holes
    rule: str  # "hazchem.tank_level"
    point: int  # subjects.Point id
    seq: int  # rises by one per transition of this (rule, point)
    kind: str  # raised | upgraded | downgraded | cleared
    tier: int  # -2 -1 0 1 2 after the change
    since: int  # ms: event time of the first reading of this condition
    at: int  # ms: event time at which it was committed (the delay had run out)
    value: float | None  # the reading in the point's unit; None where the matter is silence
    limit: float | None  # the limit crossed, in the point's unit
    quality: str = "good"
    heard: int = 0  # ms, wall clock when the deciding reading arrived
    plan: int = 0  # version of the plan it was judged under
