"""Dated values. A threshold is never a literal in code: it has a value from a day, in a place, with a basis.

Files give the first values; approved `Param` rows of the same path, place and shape go before them.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from django.db import connection

from .errors import ContentError
from .models import Param
from .yaml_files import read_yaml


@dataclass(frozen=True)
class Dated:
    """One value in force: `value` from `since` in `locality`, and why (`basis`, `mark` V/M/D)."""

    path: str
    locality: str
    since: date
    value: Any
    unit: str
    basis: str
    mark: str
    title: str = ""
    title_en: str = ""
    approver: str = ""

    @property
    def unchecked(self) -> bool:
        """Rests on memory: screens show 待核 beside it."""
        return self.mark == "M"


_files: dict[tuple[str, str], list[Dated]] = {}
_rows: dict[tuple[str, str], list[Dated]] | None = None
_KEYS = {"title", "title_en", "unit", "values"}
_VALUE_KEYS = {"value", "basis", "mark"}


def load(path: Path, locality: str = "cn", prefix: str = "") -> None:
    """`params.yaml`: name → {title, unit, values: {day: {value, basis, mark}}}."""
    for name, body in (read_yaml(path) or {}).items():
        where = f"{path} 的 {name}"
        if not isinstance(body, dict) or set(body) - _KEYS or not body.get("values"):
            raise ContentError(f"{where}: 只能写 {'、'.join(sorted(_KEYS))},且 values 不能空")
        _files[(locality, f"{prefix}{name}")] = sorted(
            (_one(where, f"{prefix}{name}", locality, body, day, v) for day, v in body["values"].items()),
            key=lambda d: d.since, reverse=True)


def _one(where: str, path: str, locality: str, body: dict[str, Any], day: Any, v: Any) -> Dated:
    if not isinstance(v, dict) or set(v) - _VALUE_KEYS or "value" not in v or not v.get("basis"):
        raise ContentError(f"{where} {day}: 每个值要写 value 和 basis(依据),可写 mark(V 已核、M 待核、D 本系统默认)")
    since = day if isinstance(day, date) else date.fromisoformat(str(day))
    mark = v.get("mark", "D")
    if mark not in ("V", "M", "D"):
        raise ContentError(f"{where} {day}: mark 只能是 V、M、D,而不是 {mark!r}")
    return Dated(path, locality, since, v["value"], body.get("unit", ""), v["basis"], mark,
                 body.get("title", ""), body.get("title_en", ""))


def lineage(locality: str) -> list[str]:
    """cn_370829 → cn_370829, cn_3708, cn_37, cn (most local first)."""
    code = locality.partition("_")[2]
    return [*(f"cn_{code[:n]}" for n in (12, 9, 6, 4, 2) if len(code) >= n), "cn"]


def of_region(region: str) -> str:
    """The locality whose values hold in a region: '370829001' → 'cn_370829001'."""
    return f"cn_{region}" if region else "cn"


def refresh() -> None:
    """Read the approved rows again; called after an approval and before a plan is compiled."""
    global _rows
    fresh: dict[tuple[str, str], list[Dated]] = {}  # others may be asking meanwhile: they see the old or the new
    if Param._meta.db_table not in connection.introspection.table_names():
        _rows = fresh  # before the first start (`shouwang check` on a fresh clone) only files speak
        return
    for row in Param.objects.exclude(approved_by="").order_by("-since", "-id"):
        first = _first(row.path)
        fresh.setdefault((row.locality, row.path), []).append(Dated(
            row.path, row.locality, row.since, row.value, row.unit or (first.unit if first else ""), row.basis,
            row.mark, first.title if first else "", first.title_en if first else "", row.approved_by))
    _rows = fresh


def _first(path: str) -> Dated | None:
    return next((rows[0] for (_, p), rows in _files.items() if p == path), None)


def lookup(path: str, on: date, locality: str = "cn") -> Dated:
    """What was in force on that day in that place; nothing in force is a ContentError."""
    if _rows is None:
        refresh()
    assert _rows is not None
    for place in lineage(locality):
        dated = (*_rows.get((place, path), ()), *_files.get((place, path), ()))
        if found := [d for d in dated if d.since <= on]:
            newest: Dated = max(found, key=_since)
            return newest
    raise ContentError(f"参数 {path} 在 {on} 的 {locality} 没有生效值;请在参数页录入,或检查 params.yaml")


def _since(dated: Dated) -> date:
    return dated.since


def value(path: str, on: date, locality: str = "cn") -> Any:
    """Only the value of `lookup`."""
    return lookup(path, on, locality).value


def paths() -> list[str]:
    """Every declared path, for lists and checks."""
    return sorted({p for _, p in _files})


def history(path: str) -> list[Dated]:
    """Every dated value of a path in every place, newest first."""
    if _rows is None:
        refresh()
    assert _rows is not None
    rows = [d for store in (_rows, _files) for (_, p), ds in store.items() if p == path for d in ds]
    return sorted(rows, key=lambda d: (d.locality, d.since), reverse=True)


def clear() -> None:
    """Forget everything loaded: for tests that load their own folders."""
    global _rows
    _files.clear()
    _rows = None
