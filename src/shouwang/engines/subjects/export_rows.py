"""Lists out as Excel or CSV, under the headings the import takes, so that an export can be corrected and read back."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet

from shouwang.kernel import content

from . import cells, import_points, import_rows, import_subjects, sheets
from .limits import NAMES
from .models import Point, Subject
from .spec import Kind

CHUNK = 2000


def export(kind: str, rows: "QuerySet[Any]", format: str = "xlsx") -> bytes:
    """Subjects of one kind, or points (`kind="point"`), already narrowed to what the reader may see."""
    columns = import_rows.columns(kind)
    title = import_rows.kinds().get(kind, kind)
    values = _points(rows, [c.id for c in columns]) if kind == import_rows.POINTS else \
        _subjects(import_subjects.kind_of(kind), rows, [c.id for c in columns])
    return sheets.write([c.title for c in columns], values, format, title)


def _subjects(kind: Kind, rows: "QuerySet[Subject]", ids: list[str]) -> Iterator[list[Any]]:
    lines, titles = import_subjects.lines(), {k.id: k.title for k in content.every("kinds")}
    for s in rows.filter(kind=kind.id).select_related("parent").order_by("region", "code").iterator(CHUNK):
        cell: dict[str, Any] = {
            "code": s.code,
            "name": s.name,
            "region": s.region,
            "line": lines.get(s.line, s.line),
            "lon": s.lon,
            "lat": s.lat,
            "status": cells.STATUSES.get(s.status, s.status),
            "parent": s.parent.code if s.parent else "",
            "parent_kind": titles.get(s.parent.kind, "") if s.parent else "",
            **{f"facts.{f.id}": cells.fact_shown(f, s.facts.get(f.id)) for f in kind.facts},
        }
        yield [cell.get(i) for i in ids]


def _points(rows: "QuerySet[Point]", ids: list[str]) -> Iterator[list[Any]]:
    titles = {k.id: k.title for k in content.every("kinds")}
    quantities = {q.id: q.title for q in content.every("quantities")}
    for chunk in _chunks(rows.select_related("subject").order_by("code").iterator(CHUNK)):
        extra = [e.shown([p.pk for p in chunk]) for e in import_points.extensions()]
        for p in chunk:
            cell = {
                "code": p.code,
                "name": p.name,
                "subject_kind": titles.get(p.subject.kind, ""),
                "subject": p.subject.code,
                "quantity": quantities.get(p.quantity, p.quantity),
                "unit": p.unit,
                "digits": p.digits,
                "facts": cells.pairs_shown(p.facts),
                "owner": p.owner,
                "enabled": p.enabled,
                **{
                    n: getattr(p, n)
                    for n in (*NAMES, "range_low", "range_high", "deadband", "on_delay_s", "off_delay_s")
                },
            }
            for found in extra:
                cell.update(found.get(p.pk, {}))
            yield [cell.get(i) for i in ids]


def _chunks(rows: Iterable[Point]) -> Iterator[list[Point]]:
    chunk: list[Point] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
