"""`checks.npz` of a plan version: every check in columns; the business side writes, the kernel reads. No Django."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import gates, tiers

Basis = dict[str, Any]
Gate = tuple[int, int, int, bool]  # row of the book, id of the point that switches it, limit, closed at or above it


@dataclass
class Check:
    """One rule on one point, in units of 10**-digits and ms; `basis` by slot says where each limit came from."""

    kind: int = tiers.LIMIT
    on: int = 0
    off: int = 0
    limit: list[int] = field(default_factory=lambda: list(tiers.OUT_OF_REACH))
    reset: list[int] = field(default_factory=lambda: list(tiers.OUT_OF_REACH))
    has: int = 0
    basis: dict[int, Basis] = field(default_factory=dict)

    def put(self, slot: int, limit: int, reset: int) -> None:
        """Use a slot (0 LL, 1 L, 2 H, 3 HH)."""
        self.limit[slot], self.reset[slot] = limit, reset
        self.has |= 1 << slot


@dataclass
class Book:
    """Checks in columns: `point` holds point ids, `rule` indexes `rules`, `basis[i, slot]` indexes `bases` or is -1."""

    checks: NDArray[np.void]
    point: NDArray[np.int64]
    rule: NDArray[np.int64]
    rules: list[str]
    basis: NDArray[np.int32]
    bases: list[Basis]
    gates: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, gates.BOOK))  # of checks another point switches

    def digest_parts(self) -> list[bytes]:
        """What makes two books different."""
        words = json.dumps([self.rules, self.bases], ensure_ascii=False, sort_keys=True).encode()
        return [self.checks.tobytes(), self.point.tobytes(), self.rule.tobytes(), self.basis.tobytes(),
                self.gates.tobytes(), words]


def bind(rows: Sequence[tuple[int, int, Check]], rules: list[str], gated: Sequence[Gate] = ()) -> Book:
    """(rule index, point id, check) rows as a book; equal bases are kept once. `gated`: see `Gate`."""
    different = {id(c): c for _, _, c in rows}  # most checks are shared
    place = {i: n for n, i in enumerate(different)}
    which = np.array([place[id(c)] for _, _, c in rows], np.int64)
    checks = np.zeros(len(different), tiers.CHECK)
    for name in ("kind", "on", "off", "has", "limit", "reset") if rows else ():
        checks[name] = [getattr(c, name) for c in different.values()]
    basis = np.full((len(different), 4), -1, np.int32)
    known: dict[str, int] = {}
    for i, check in enumerate(different.values()):
        for slot, told in check.basis.items():
            basis[i, slot] = known.setdefault(json.dumps(told, ensure_ascii=False), len(known))
    return Book(checks[which], np.array([p for _, p, _ in rows], np.int64), np.array([r for r, _, _ in rows], np.int64),
                rules, basis[which], [json.loads(b) for b in known], np.array(list(gated), gates.BOOK))


def write(folder: Path, book: Book, tier: NDArray[np.int8] | None = None) -> None:
    """Put the book into a plan folder. `tier`: what the alert table has open, for a kernel that lost its state."""
    folder.mkdir(parents=True, exist_ok=True)
    tier = np.zeros(len(book.checks), np.int8) if tier is None else tier
    np.savez(folder / "checks.npz", checks=book.checks, point=book.point, rule=book.rule, basis=book.basis, tier=tier,
             gates=book.gates,              rules=np.array(book.rules, dtype=np.str_),
             bases=np.frombuffer(json.dumps(book.bases, ensure_ascii=False).encode(), np.uint8))


def read(folder: Path) -> Book:
    """The book of a plan folder; an empty one when rules have written none. `tier` is put into the checks."""
    path = folder / "checks.npz"
    if not path.exists():
        return bind([], [])
    with np.load(path) as z:
        checks = z["checks"]
        checks["tier"] = z["tier"]
        return Book(checks, z["point"], z["rule"], z["rules"].tolist(), z["basis"], json.loads(z["bases"].tobytes()),
                    z["gates"] if "gates" in z else np.zeros(0, gates.BOOK))
