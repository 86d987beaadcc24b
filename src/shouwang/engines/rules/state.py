"""What the rule kernel remembers, in dense arrays; carried over between plans and into snapshots. No Django here."""

import io
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from shouwang.engines.telemetry.journal import Transition
from shouwang.engines.telemetry.plan import Plan

from . import batches, checkbook, gates, tiers

Key = tuple[int, str]  # point id, rule
BITS = np.array([3, 2, 0, 4, 12], np.uint8)  # the slots active at tier -2 … 2
GAP_MS = 60_000  # nobody called for longer: we were not listening, so silence proves nothing


@dataclass
class State:
    """Points and checks of one plan version. `rows[p]:rows[p+1]` are the checks of point index p."""

    version: int
    ids: NDArray[np.int64]  # point ids by index
    digits: NDArray[np.int8]
    points: NDArray[np.void]  # tiers.POINT
    sources: list[str]
    seen: NDArray[np.int64]  # newest event time by source index
    checks: NDArray[np.void]  # tiers.CHECK, sorted by point index
    owner: NDArray[np.int64]  # point index by check
    rules: list[str]
    rule: NDArray[np.int64]  # index into `rules` by check
    memory: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, tiers.MEMORY))  # of checks with a signal
    untold: list[Transition] = field(default_factory=list)  # retired, to be handed on with the next answer
    listening: int = -1  # wall clock, ms: since when somebody calls without a gap
    called: int = -1  # wall clock of the last call
    depth: int = 0  # readings kept of each point, for amendments
    gates: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, gates.GATE))
    recent: batches.Recent = field(init=False)

    def __post_init__(self) -> None:
        counts = np.bincount(self.owner, minlength=len(self.ids)) if len(self.ids) else np.zeros(0, np.int64)
        self.rows: NDArray[np.int64] = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        remembers = self.checks["kind"] >= tiers.RATE
        self.place: NDArray[np.int64] = np.where(remembers, np.cumsum(remembers) - 1, 0)  # row of `memory` by check
        if len(self.memory) != remembers.sum():
            self.memory = np.zeros(int(remembers.sum()), tiers.MEMORY)
        n = len(self.checks)
        self.spoken: NDArray[np.int64] = np.full(len(self.ids), -1, np.int64)  # newest delay told to have run out
        self.swept: NDArray[np.int64] = np.full(len(self.seen), -1, np.int64)  # watermark last seen, by source
        # the episode open now, by check: first reading, raising (0: none), gravest tier
        self.since, self.at, self.worst = (np.zeros(n, np.int64) for _ in range(3))
        self.gate_of = {int(c): n for n, c in enumerate(self.gates["check"])}
        self.settle()

    def settle(self) -> None:
        """Begin to keep readings anew: what came before can no longer be amended."""
        most = int(np.diff(self.rows).max(initial=0))
        self.recent = batches.kept(self.points, self.checks, self.memory, most, self.depth)
        if self.depth:
            for name in ("since", "at", "worst"):
                getattr(self.recent, name)[:] = getattr(self, name)

    def keys(self) -> list[Key]:
        """(point id, rule) of every check, by check index."""
        return [(p, self.rules[r]) for p, r in zip(self.ids[self.owner].tolist(), self.rule.tolist(), strict=True)]

    def numbers(self, names: dict[str, int]) -> NDArray[np.int64]:
        """The keys as single numbers, rules numbered by `names`."""
        rule = np.array([names[r] for r in self.rules], np.int64)
        return self.ids[self.owner] * len(names) + (rule[self.rule] if len(rule) else self.rule)

    def hear(self, now_ms: int) -> None:
        """Somebody calls at this moment; after a gap listening begins anew."""
        if self.called < 0 or abs(now_ms - self.called) > GAP_MS:
            self.listening = now_ms
        self.called = now_ms


def empty() -> State:
    """Before the first plan."""
    none = np.zeros(0, np.int64)
    return State(0, none, np.zeros(0, np.int8), np.zeros(0, tiers.POINT), [], none.copy(),
                 np.zeros(0, tiers.CHECK), none.copy(), [], none.copy())


def fresh(plan: Plan, folder: Path, depth: int | None = None) -> State:
    """The state of a plan nobody has judged under yet; open alerts known to the business side are taken over.

    `depth`: how many readings of each point are kept for amendments; None: as many as there is room for.
    """
    points = np.zeros(len(plan.points), tiers.POINT)
    points["last_t"] = points["heard_t"] = points["heard_mark"] = -1
    for name in ("low", "high", "source"):
        points[name] = plan.points[name]
    book = checkbook.read(folder)
    owner = np.array([plan.index.get(p, -1) for p in book.point.tolist()], np.int64)
    order = np.argsort(owner, kind="stable")
    order = order[owner[order] >= 0]
    siblings = book.checks["kind"] == tiers.APART
    book.checks["limit"][:, 1][siblings] = [plan.index.get(p, -1) for p in book.checks["limit"][siblings, 1].tolist()]
    return State(plan.version, plan.points["id"].astype(np.int64), plan.points["digits"].astype(np.int8), points,
                 [s.name for s in plan.sources], np.full(max(1, len(plan.sources)), -1, np.int64),
                 _ready(np.ascontiguousarray(book.checks[order])), owner[order], book.rules, book.rule[order],
                 depth=batches.depth_for(len(points)) if depth is None else depth,
                 gates=gates.bound(book.gates, order, plan.index))


def _ready(checks: NDArray[np.void]) -> NDArray[np.void]:
    """Open tiers are live, and what an unused slot holds can never be reached."""
    checks["live"] = BITS[checks["tier"].astype(np.int64) + 2] & checks["has"]
    for slot, far in enumerate(tiers.OUT_OF_REACH):
        checks["limit"][:, slot][(checks["has"] & 1 << slot == 0) & (checks["kind"] < tiers.RATE)] = far
    return checks


def carry(old: State, new: State) -> None:
    """Hand what was known over to `new`, by point id and (point id, rule); what is gone is retired."""
    _carry_points(old, new)
    marks = dict(zip(old.sources, old.seen.tolist(), strict=False))
    new.seen[:len(new.sources)] = [marks.get(s, -1) for s in new.sources]
    new.untold, new.listening, new.called = list(old.untold), old.listening, old.called
    names = {rule: n for n, rule in enumerate(dict.fromkeys((*old.rules, *new.rules)))}
    was, now = old.numbers(names), new.numbers(names)
    sources = {name: n for n, name in enumerate(old.sources)}
    for n, name in enumerate(new.sources):
        new.swept[n] = old.swept[sources[name]] if name in sources else -1
    _, i, j = np.intersect1d(was, now, assume_unique=True, return_indices=True)
    _carry_checks(old.checks[i], new.checks, j)
    _carry_memory(old, new, i, j)
    for name in ("since", "at", "worst"):
        getattr(new, name)[j] = getattr(old, name)[i]
    held = {int(was[c]) for c in old.gates["check"][old.gates["held"] != 0]}
    new.gates["held"] = [int(now[c]) in held for c in new.gates["check"]]
    new.settle()
    gone = np.setdiff1d(np.flatnonzero(old.checks["tier"]), i)
    new.untold += [_retired(old, int(n), new.version) for n in gone]


def _carry_points(old: State, new: State) -> None:
    index = {p: i for i, p in enumerate(old.ids.tolist())}
    pairs = [(index[p], n) for n, p in enumerate(new.ids.tolist()) if p in index]
    if not pairs:
        return
    i, n = np.array(pairs, np.int64).T
    for name in ("last_t", "heard_t", "heard_mark", "q"):
        new.points[name][n] = old.points[name][i]
    scaled = np.rint(old.points["v"][i] * 10.0 ** (new.digits[n].astype(float) - old.digits[i]))
    new.spoken[n] = old.spoken[i]
    new.points["v"][n] = np.clip(scaled, -(2**31), 2**31 - 1).astype(np.int32)


def _carry_checks(was: NDArray[np.void], checks: NDArray[np.void], j: NDArray[np.intp]) -> None:
    """Open tiers and running delays of `was` become those of `checks[j]`, as far as the new check has the slots."""
    for name in ("wait", "quality", "tier"):
        checks[name][j] = was[name]
    has = np.where(checks["kind"][j] == was["kind"], checks["has"][j], 0)
    checks["live"][j] = was["live"] & (has | has << 4)


def _carry_memory(old: State, new: State, i: NDArray[np.intp], j: NDArray[np.intp]) -> None:
    """What checks with a signal remember, where they still look at the same values in the same way."""
    was, now = old.checks[i], new.checks[j]
    resolution = old.digits[old.owner[i]] == new.digits[new.owner[j]]
    same = (now["kind"] >= tiers.RATE) & (was["kind"] == now["kind"]) & resolution
    for name in ("limit", "reset"):  # sign, span, band: see tiers.CHECK
        same &= (was[name][:, :2] == now[name][:, :2]).all(axis=1)
    new.memory[new.place[j[same]]] = old.memory[old.place[i[same]]]


def _retired(old: State, i: int, version: int) -> Transition:
    """The last word about an open alert whose check is gone: neither cleared nor ever judged again."""
    p = int(old.owner[i])
    t = int(old.points["last_t"][p])
    value = int(old.points["v"][p]) / 10 ** int(old.digits[p])
    return Transition(0, old.rules[int(old.rule[i])], int(old.ids[p]), 0, "retired", 0, t, t, value, None,
                      plan=version)


def same(old: State, new: State) -> bool:
    """Whether both judge under the same plan, so that kept readings can be taken over as they are."""
    return old.version == new.version and old.recent.t.shape == new.recent.t.shape and (
        len(old.recent.checks) == len(new.recent.checks))


def carry_recent(old: State, new: State) -> None:
    """Kept readings and the settled state, under the same plan."""
    for name in KEPT:
        getattr(new.recent, name)[:] = getattr(old.recent, name)


OWN = ("spoken", "swept", "since", "at", "worst")
KEPT = tuple(name for name in batches.Recent._fields if name != "room")


def dump(state: State) -> bytes:
    """The state as bytes, readable by `undump` under any later plan."""
    out = io.BytesIO()
    np.savez(out, ids=state.ids, digits=state.digits, points=state.points, seen=state.seen, checks=state.checks,
             owner=state.owner, rule=state.rule, memory=state.memory, gates=state.gates,
             sources=np.array(state.sources, dtype=np.str_),
             rules=np.array(state.rules, dtype=np.str_),
             scalars=np.array([state.version, state.listening, state.called, state.depth], np.int64),
             **{name: getattr(state, name) for name in OWN},
             **{f"recent_{name}": getattr(state.recent, name) for name in KEPT},
             untold=np.frombuffer(msgspec.json.encode(state.untold), np.uint8))
    return out.getvalue()


def undump(raw: bytes) -> State:
    """A dumped state; anything else is a ValueError or OSError of numpy."""
    with np.load(io.BytesIO(raw)) as z:
        version, listening, called, depth = z["scalars"].tolist()
        back = State(version, z["ids"], z["digits"], z["points"], z["sources"].tolist(), z["seen"], z["checks"],
                     z["owner"], z["rules"].tolist(), z["rule"], z["memory"],
                     msgspec.json.decode(z["untold"].tobytes(), type=list[Transition]), listening, called, depth,
                     z["gates"])
        for name in OWN:
            getattr(back, name)[:] = z[name]
        for name in KEPT:
            getattr(back.recent, name)[:] = z[f"recent_{name}"]
        return back
