"""Import of enterprises, other subjects and points: dry run first, then all rows in one transaction or none."""

import hashlib
from typing import Any

from django.db import transaction

from shouwang.kernel import content, events
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Account

from . import import_points, import_subjects, sheets
from .import_report import Refused, Report
from .models import Subject
from .sheets import Column, Row

__all__ = ["POINTS", "Refused", "Report", "columns", "commit", "dry_run", "kinds", "template"]
POINTS = "point"
events.declares(subjects__imported="成批导入监管对象或点位")


def kinds() -> dict[str, str]:
    """What can be imported: kind → Chinese title, points last."""
    return {**{k.id: k.title for k in content.every("kinds")}, POINTS: "点位"}


def columns(kind: str) -> list[Column]:
    """The headings of a kind; BadInput for an unknown kind."""
    return import_points.columns() if kind == POINTS else import_subjects.columns(import_subjects.kind_of(kind))


def template(kind: str, format: str = "xlsx") -> bytes:
    """An empty sheet to fill in, with its explanations (xlsx)."""
    return sheets.template(columns(kind), format)


def dry_run(kind: str, file: bytes, filename: str, account: Account) -> Report:
    """Check every row and write nothing; BadInput when the file itself cannot be read."""
    return _check(kind, file, filename, account)[0]


def _check(kind: str, file: bytes, filename: str, account: Account) -> tuple[Report, list[Row], list[Any]]:
    report = Report(kind, filename[:120], hashlib.sha256(file).hexdigest())
    rows = sheets.read(file, filename[:120], columns(kind))
    report.rows = len(rows)
    if kind == POINTS:
        return report, rows, list(import_points.check(rows, account, report))
    return report, rows, list(import_subjects.check(import_subjects.kind_of(kind), rows, account, report))


@transaction.atomic
def commit(kind: str, file: bytes, filename: str, account: Account, *, digest: str = "") -> Report:
    """Check again and write all rows; Refused (with the report) when one is wrong, BadInput for another file."""
    report, rows, wanted = _check(kind, file, filename, account)
    if digest and digest != report.digest:
        raise BadInput(f"{filename}:与预检时的文件不是同一个,请重新预检")
    if not report.ok:
        raise Refused(report)
    changes = import_points.write(rows, wanted) if kind == POINTS else _subjects(kind, wanted)
    report.committed = True
    events.emit("subjects.imported", actor=account.username, kind=kind, filename=report.filename, digest=report.digest,
                rows=report.rows, created=report.create, updated=report.update, limits=changes)
    return report


def _subjects(kind: str, wanted: list[Subject]) -> dict[str, Any]:
    import_subjects.write(import_subjects.kind_of(kind), wanted)
    return {}


