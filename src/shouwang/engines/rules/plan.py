"""Compile what is declared and registered into the plan that the ingest process judges by. The business side of it.

`<data>/plan/<version>/` gets `checks.npz` (limits and delays as the kernel reads them), `rules.json` (what an alert
must be able to say: titles, levels, basis) beside the points of the telemetry engine. CURRENT moves last.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from shouwang.engines.subjects.models import Point, Subject
from shouwang.engines.telemetry import compile as telemetry
from shouwang.engines.telemetry import journal
from shouwang.engines.telemetry import plan as plans
from shouwang.kernel import clock, content, params

from . import checkbook, limits, tiers
from .checkbook import Basis, Book, Check, Gate
from .limits import Measured, Values
from .models import Alert
from .spec import Rule
from .units import Unjudged

KEEP, KEEP_DAYS = 20, 2 * journal.KEEP_DAYS


@dataclass
class Compiled:
    """Every check as (rule index, point id, check), and why some points are not judged by a rule that names them."""

    rows: list[tuple[int, int, Check]] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    unjudged: list[dict[str, Any]] = field(default_factory=list)


def root() -> Path:
    """Where plan versions live."""
    return Path(settings.DATA) / "plan"


def compile_plan(on: date | None = None) -> int:
    """Compile for a day (today) and publish; returns the version in force, a new one only when something changed."""
    params.refresh()
    root().mkdir(parents=True, exist_ok=True)
    with _alone(root()):
        present = plans.current(root())
        version = max([present, *(int(p.name) for p in root().iterdir() if p.name.isdigit())]) + 1
        plan = telemetry.build(version)
        rules: list[Rule] = content.every("rules")
        found = compiled(rules, measured(plan), on or clock.today())
        book = checkbook.bind(found.rows, [r.key for r in rules], found.gates)
        words = {"rules": {r.key: told_of(r) for r in rules}, "unjudged": found.unjudged}
        words["digest"] = _digest(plan, book, words)
        if present and _words(root() / str(present)).get("digest") == words["digest"]:
            return present
        folder = plans.save(root(), plan)
        checkbook.write(folder, book, _open_tiers(book))
        (folder / "rules.json").write_text(json.dumps(words, ensure_ascii=False), "utf8")
        plans.publish(root(), version)
        _forget_old(version)
        return version


def _forget_old(version: int) -> None:
    """Remove versions that nothing can still need: far behind, and older than any log of readings or transitions."""
    before = clock.now().timestamp() - KEEP_DAYS * 86400
    for folder in root().iterdir():
        behind = folder.name.isdigit() and int(folder.name) <= version - KEEP
        if behind and folder.stat().st_mtime < before:
            shutil.rmtree(folder)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One compilation at a time, whichever process asks."""
    with (folder / ".lock").open("w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


COLUMNS = ("id", "quantity", "unit", "subject_id", "facts", "ll", "l", "h", "hh", "deadband", "on_delay_s",
           "off_delay_s")


def measured(plan: plans.Plan) -> list[Measured]:
    """Every point of the plan as rules see it; two queries, whatever the number of points."""
    rows = Subject.objects.values_list("id", "kind", "region", "facts", "top_id")
    subjects = {pk: (kind, params.of_region(region), facts, top) for pk, kind, region, facts, top in rows}
    digits = plan.points["digits"].tolist()
    points = Point.objects.filter(enabled=True).order_by("id").values_list(*COLUMNS)
    return [_measured(row, digits[plan.index[row[0]]], subjects) for row in points.iterator() if row[0] in plan.index]


def _measured(row: tuple[Any, ...], digits: int, subjects: dict[int, tuple[str, str, dict[str, Any], int]]) -> Measured:
    pk, quantity, unit, subject, facts, ll, l_, h, hh, deadband, on, off = row
    kind, locality, own, top = subjects[subject]
    above = subjects[top][2] if top in subjects else {}
    return Measured(pk, quantity, unit, digits, kind, locality, {**above, **own, **facts},
                    {"ll": ll, "l": l_, "h": h, "hh": hh}, deadband, round(on * 1000), round(off * 1000),
                    subject, top)


def compiled(rules: list[Rule], points: list[Measured], on: date) -> Compiled:
    """Rules × points of matching quantity and kind."""
    by_word: dict[tuple[str, str], list[int]] = {}
    for n, rule in enumerate(rules):
        for key in {(q, k) for q in limits.listed(rule.quantity) for k in limits.listed(rule.of)}:
            by_word.setdefault(key, []).append(n)
    values, out, places = Values(on), Compiled(), _places(rules, points)
    for point in points:
        for n in by_word.get((point.quantity, point.kind), ()):
            if _compile_one(rules[n], n, point, values, out) and rules[n].unless:
                _gate(rules[n], point, places, values, out)
    return _with_siblings(rules, {p.id: p for p in points}, out)


def _with_siblings(rules: list[Rule], points: dict[int, Measured], found: Compiled) -> Compiled:
    """Checks that compare get their sibling: the one before by id of the same rule, subject and quantity."""
    before: dict[tuple[int, int, str], Measured] = {}
    kept = Compiled([], [], found.unjudged)
    row_of: dict[int, int] = {}
    for row, (n, pk, made) in enumerate(found.rows):
        check: Check | None = made
        if made.kind == tiers.APART:
            point = points[pk]
            place = (n, point.subject, point.quantity)
            check = _sibling(rules[n], made, point, before.get(place), kept)
            before[place] = point
        if check is None:
            continue
        row_of[row] = len(kept.rows)
        kept.rows.append((n, pk, check))
    kept.gates = [(row_of[row], gate, limit, above) for row, gate, limit, above in found.gates if row in row_of]
    return kept


def _sibling(rule: Rule, check: Check, point: Measured, sibling: Measured | None, out: Compiled) -> Check | None:
    """The check with its sibling; None for the first of a place, and where the two cannot be compared (told)."""
    if sibling is None:
        return None
    try:
        return limits.paired(check, point, sibling)
    except Unjudged as why:
        out.unjudged.append({"rule": rule.key, "point": point.id, "why": str(why)})
        return None


def _places(rules: list[Rule], points: list[Measured]) -> dict[tuple[str, int, str], list[Measured]]:
    """Points that may switch a rule: by subject and by enterprise, and quantity."""
    wanted = {r.unless.quantity for r in rules if r.unless}
    out: dict[tuple[str, int, str], list[Measured]] = {}
    for point in points:
        if point.quantity in wanted:
            out.setdefault(("subject", point.subject, point.quantity), []).append(point)
            out.setdefault(("top", point.top, point.quantity), []).append(point)
    return out


def _gate(rule: Rule, point: Measured, places: dict[tuple[str, int, str], list[Measured]], values: Values,
          out: Compiled) -> None:
    """The point that switches the check just compiled; not certain: nothing is suppressed, and told."""
    assert rule.unless is not None
    word = rule.unless.quantity
    found = places.get(("subject", point.subject, word)) or places.get(("top", point.top, word)) or []
    try:
        if len(found) != 1 or found[0].id == point.id:
            raise Unjudged(f"unless 要的 {word} 点位在同一对象或企业里应恰有一个,现有 {len(found)} 个:照常研判,不抑制")
        limit, above = limits.gate_of(rule, found[0], values)
    except Unjudged as why:
        out.unjudged.append({"rule": rule.key, "point": point.id, "why": str(why)})
        return
    out.gates.append((len(out.rows) - 1, found[0].id, limit, above))


def _compile_one(rule: Rule, n: int, point: Measured, values: Values, out: Compiled) -> bool:
    """Whether there is a check of this rule on this point; a refusal is told."""
    if not limits.applies(rule, point):
        return False
    try:
        check = limits.check_of(rule, point, values)
    except Unjudged as why:
        out.unjudged.append({"rule": rule.key, "point": point.id, "why": str(why)})
        return False
    if check is not None:
        out.rows.append((n, point.id, check))
    return check is not None


def told_of(rule: Rule) -> dict[str, Any]:
    """What an alert of this rule must be able to say, whatever becomes of the declaration later."""
    tier_of = {slot: tier for tier, slot in tiers.SLOT_OF.items()}
    return {"title": rule.title, "title_en": rule.title_en, "scene": rule.scene,
            "kind": limits.KIND_WORDS[limits.kind_of(rule)],
            "tiers": {str(tier_of[slot]): {"level": t.level, "means": t.means, "means_en": t.means_en}
                      for slot, t in limits.slots(rule).items()}}


def unjudged() -> list[dict[str, Any]]:
    """Points a rule names but cannot judge under the plan in force, and why: {rule, point, why}."""
    found: list[dict[str, Any]] = _words(root() / str(plans.current(root()))).get("unjudged", [])
    return found


def _open_tiers(book: Book) -> NDArray[np.int8]:
    """Tiers of the alerts open now: only a kernel that has lost its state looks at them."""
    tier = {(r, p): t for r, p, t in Alert.objects.filter(active=True).values_list("rule", "point_id", "tier")}
    keys = zip(book.rule.tolist(), book.point.tolist(), strict=True)
    return np.array([tier.get((book.rules[r], p), 0) for r, p in keys], np.int8)


def _digest(plan: plans.Plan, book: Book, words: dict[str, Any]) -> str:
    h = hashlib.sha256(json.dumps(words, ensure_ascii=False, sort_keys=True).encode())
    for part in (plan.points.tobytes(), repr((plan.sources, plan.units)).encode(), *book.digest_parts()):
        h.update(part)
    return h.hexdigest()


def _words(folder: Path) -> dict[str, Any]:
    try:
        words: dict[str, Any] = json.loads((folder / "rules.json").read_text("utf8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return words


@dataclass(frozen=True)
class Told:
    """What a plan version says about its rules and limits, for the alerts judged under it."""

    rules: dict[str, dict[str, Any]]
    bases: list[Basis]
    row: dict[tuple[str, int], list[int]]

    def basis(self, rule: str, point: int, tier: int) -> Basis:
        """Where the limit of a tier came from; empty when the version does not know the check."""
        row = self.row.get((rule, point))
        n = row[tiers.SLOT_OF[tier]] if row and tier else -1
        return self.bases[n] if n >= 0 else {}


def told(version: int) -> Told:
    """The words of a version; a version that is gone is answered by the one in force."""
    for folder in (root() / str(version), root() / str(plans.current(root()))):
        if (folder / "rules.json").exists():
            return _told(folder)
    return Told({}, [], {})


@lru_cache(maxsize=8)
def _told(folder: Path) -> Told:
    book = checkbook.read(folder)
    rows = zip(book.rule.tolist(), book.point.tolist(), book.basis.tolist(), strict=True)
    return Told(_words(folder)["rules"], book.bases, {(book.rules[r], p): basis for r, p, basis in rows})
