"""What an import would do, or did: counts, every wrong cell with its remedy, and notes about conversions."""

from dataclasses import dataclass, field
from typing import Any

from shouwang.kernel.errors import BadInput

SHOWN = 500


@dataclass(frozen=True)
class Problem:
    """One wrong cell: the row as the spreadsheet numbers it, the heading, why, and what to do."""

    row: int
    column: str
    reason: str
    remedy: str = ""

    def shown(self) -> dict[str, Any]:
        """For JSON."""
        return {"row": self.row, "column": self.column, "reason": self.reason, "remedy": self.remedy}


@dataclass
class Report:
    """The result of a dry run or a commit. `ok` when every row may be written."""

    kind: str
    filename: str
    digest: str  # SHA-256 of the file
    rows: int = 0
    create: int = 0
    update: int = 0
    same: int = 0
    committed: bool = False
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing wrong and something to do or to confirm."""
        return not self.problems and self.rows > 0

    def shown(self) -> dict[str, Any]:
        """For JSON: the first 500 problems and notes, with their full counts."""
        return {"kind": self.kind, "filename": self.filename, "digest": self.digest, "ok": self.ok, "rows": self.rows,
                "create": self.create, "update": self.update, "same": self.same, "committed": self.committed,
                "problem_count": len(self.problems), "problems": [p.shown() for p in self.problems[:SHOWN]],
                "note_count": len(self.notes), "notes": [p.shown() for p in self.notes[:SHOWN]]}


class Refused(BadInput):
    """A commit that wrote nothing because rows are wrong; `report` says which."""

    def __init__(self, report: Report) -> None:
        first = report.problems[0] if report.problems else None
        detail = f"第 {first.row} 行“{first.column}”:{first.reason}" if first else "没有数据行"
        super().__init__(
            f"{report.filename}:有 {len(report.problems)} 处错误,没有写入任何内容;{detail}。请改正后重新上传"
        )
        self.report = report


class Wrong(Exception):
    """Raised inside the check of one cell; becomes a Problem with row and heading."""

    def __init__(self, column: str, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.column, self.reason, self.remedy = column, reason, remedy
