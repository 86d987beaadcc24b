"""The registry over HTTP: regions, subjects, points, import and export, GB 18218 grading."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import File, Form, Query, Router, Schema
from ninja.files import UploadedFile
from ninja.pagination import LimitOffsetPagination, paginate
from pydantic import Field

from shouwang.kernel import access, clock
from shouwang.kernel.errors import BadInput

from . import change, export_rows, import_rows, major_hazard, read, regions, sheets
from .models import Point, Subject

router = Router(tags=["subjects"])
TYPES = {"xlsx": sheets.XLSX, "csv": "text/csv; charset=utf-8"}


class RegionOut(Schema):
    """属地."""

    code: str
    name: str
    tier: str
    lon: float | None
    lat: float | None


class SubjectOut(Schema):
    """监管对象."""

    id: int
    kind: str
    code: str
    name: str
    parent_id: int | None
    top_id: int | None
    region: str
    line: str
    status: str
    lon: float | None
    lat: float | None
    facts: dict[str, Any]
    sample: bool


class PointOut(Schema):
    """点位: limits in `unit`."""

    id: int
    code: str
    name: str
    subject_id: int
    quantity: str
    unit: str
    digits: int
    range_low: float | None
    range_high: float | None
    ll: float | None
    l: float | None  # noqa: E741
    h: float | None
    hh: float | None
    deadband: float
    on_delay_s: float
    off_delay_s: float
    facts: dict[str, Any]
    owner: str
    enabled: bool


class SubjectFilter(Schema):
    """Narrowing a list of subjects."""

    kind: str = ""
    region: str = ""
    line: str = ""
    status: str = ""
    search: str = ""
    top: int | None = None


class PointFilter(Schema):
    """Narrowing a list of points."""

    region: str = ""
    line: str = ""
    quantity: str = ""
    kind: str = ""
    search: str = ""
    top: int | None = None
    subject: int | None = None


class NewSubject(Schema):
    """A subject to enter; an enterprise has no parent."""

    kind: str
    code: str
    name: str
    parent_id: int | None = None
    region: str = ""
    line: str = ""
    facts: dict[str, Any] = {}
    lon: float | None = None
    lat: float | None = None


class ChangesIn(Schema):
    """What to correct; what is left out stays."""

    name: str = ""
    region: str = ""
    line: str = ""
    facts: dict[str, Any] = {}
    lon: float | None = None
    lat: float | None = None


class StatusIn(Schema):
    """A new running state with its reason."""

    status: str
    reason: str


class LimitsIn(Schema):
    """New limits in the point's unit (null takes one away) with the reason."""

    limits: dict[str, float | str | None]
    reason: str


class GradingIn(Schema):
    """One unit, as in GB 18218: items of name, symbol where needed, q_t (design maximum, t)."""

    exposed_persons_500m: int
    items: list[dict[str, Any]] = Field(max_length=500)


@router.get("/regions", response=list[RegionOut], summary="下级区域")
@access.allowed("subjects.see")
def list_regions(request: HttpRequest, parent: str = "") -> list[Any]:
    """The regions directly below one ('' gives the provinces)."""
    return regions.parts(parent)


@router.get("/regions/{code}", response=RegionOut, summary="一个区域")
@access.allowed("subjects.see")
def one_region(request: HttpRequest, code: str) -> Any:
    """One region by its code in any spelling."""
    return regions.one(code)


@router.get("/subjects", response=list[SubjectOut], summary="监管对象列表")
@paginate(LimitOffsetPagination)
@access.allowed("subjects.see")
def list_subjects(request: HttpRequest, given: Query[SubjectFilter]) -> "QuerySet[Subject]":
    """Subjects within reach."""
    return read.subjects(request.user, **given.dict())  # type: ignore[arg-type]


@router.post("/subjects", response=SubjectOut, summary="登记监管对象")
@access.allowed("subjects.edit")
def create_subject(request: HttpRequest, given: NewSubject) -> Subject:
    """Enter a subject."""
    body = given.dict()
    parent = body.pop("parent_id")
    above = read.one(request.user, parent) if parent else None  # type: ignore[arg-type]
    return change.create(request.user, parent=above, **body)  # type: ignore[arg-type]


@router.get("/subjects/export", summary="导出监管对象")
@access.allowed("subjects.see")
def export_subjects(request: HttpRequest, given: Query[SubjectFilter], format: str = "xlsx") -> HttpResponse:
    """Subjects of one kind as a sheet that can be imported again."""
    if not given.kind:
        raise BadInput("请指定 kind:一次导出一种对象")
    rows = read.subjects(request.user, **given.dict())  # type: ignore[arg-type]
    return _sheet(export_rows.export(given.kind, rows, format), given.kind, format)


@router.get("/subjects/{pk}", response=SubjectOut, summary="一个监管对象")
@access.allowed("subjects.see")
def one_subject(request: HttpRequest, pk: int) -> Subject:
    """One subject."""
    return read.one(request.user, pk)  # type: ignore[arg-type]


@router.patch("/subjects/{pk}", response=SubjectOut, summary="更正监管对象")
@access.allowed("subjects.edit")
def update_subject(request: HttpRequest, pk: int, given: ChangesIn) -> Subject:
    """Correct name, region, line, place or facts; only what is given changes."""
    changes = given.dict(exclude_unset=True)
    return change.update(request.user, read.one(request.user, pk), **changes)  # type: ignore[arg-type]


@router.post("/subjects/{pk}/status", response=SubjectOut, summary="改变运行状态")
@access.allowed("subjects.edit")
def set_status(request: HttpRequest, pk: int, given: StatusIn) -> Subject:
    """Running, stopped, maintenance, closed; with the reason."""
    return change.set_status(request.user, read.one(request.user, pk), given.status, given.reason)  # type: ignore[arg-type]


@router.get("/subjects/{pk}/points", response=list[PointOut], summary="一个监管对象的点位")
@access.allowed("subjects.see")
def points_of(request: HttpRequest, pk: int) -> "QuerySet[Point]":
    """The points of a subject; of an enterprise, those of its whole family."""
    return read.points_of(read.one(request.user, pk))  # type: ignore[arg-type]


@router.get("/points", response=list[PointOut], summary="点位列表")
@paginate(LimitOffsetPagination)
@access.allowed("subjects.see")
def list_points(request: HttpRequest, given: Query[PointFilter]) -> "QuerySet[Point]":
    """Points within reach."""
    return read.points(request.user, **given.dict())  # type: ignore[arg-type]


@router.get("/points/export", summary="导出点位")
@access.allowed("subjects.see")
def export_points(request: HttpRequest, given: Query[PointFilter], format: str = "xlsx") -> HttpResponse:
    """Points as a sheet that can be imported again."""
    rows = read.points(request.user, **given.dict())  # type: ignore[arg-type]
    return _sheet(export_rows.export("point", rows, format), "point", format)


@router.get("/points/{pk}", response=PointOut, summary="一个点位")
@access.allowed("subjects.see")
def one_point(request: HttpRequest, pk: int) -> Point:
    """One point."""
    return read.point(request.user, pk)  # type: ignore[arg-type]


@router.post("/points/{pk}/limits", response=PointOut, summary="修改点位限值")
@access.allowed("subjects.edit")
def change_limits(request: HttpRequest, pk: int, given: LimitsIn) -> Point:
    """Set limits of a point, with the reason; the old ones stay in the journal."""
    return change.change_limits(read.point(request.user, pk), request.user, given.limits, given.reason)  # type: ignore[arg-type]


@router.get("/import/{kind}/template", summary="导入模板")
@access.allowed("subjects.edit")
def import_template(request: HttpRequest, kind: str, format: str = "xlsx") -> HttpResponse:
    """An empty sheet to fill in."""
    return _sheet(import_rows.template(kind, format), f"{kind}-template", format)


@router.post("/import/{kind}/dry-run", summary="导入试算,不写入")
@access.allowed("subjects.edit")
def import_dry_run(request: HttpRequest, kind: str, file: File[UploadedFile]) -> dict[str, Any]:
    """Check every row and write nothing."""
    return import_rows.dry_run(kind, file.read(), file.name or "", request.user).shown()  # type: ignore[arg-type]


@router.post("/import/{kind}/commit", summary="导入写入")
@access.allowed("subjects.edit")
def import_commit(request: HttpRequest, kind: str, file: File[UploadedFile], digest: Form[str] = "") -> dict[str, Any]:
    """Write all rows or none; `digest` of the dry run makes sure it is the same file."""
    return import_rows.commit(kind, file.read(), file.name or "", request.user, digest=digest).shown()  # type: ignore[arg-type]


@router.post("/major-hazard/grade", summary="GB 18218 重大危险源分级")
@access.allowed("subjects.see")
def grade(request: HttpRequest, given: GradingIn) -> dict[str, Any]:
    """GB 18218-2018 grading of one unit."""
    shown: dict[str, Any] = major_hazard.as_floats(major_hazard.grade(given.items, given.exposed_persons_500m).shown())
    return shown


def _sheet(content: bytes, name: str, format: str) -> HttpResponse:
    stamp = clock.now().astimezone(clock.LOCAL).strftime("%Y%m%d-%H%M")
    return HttpResponse(content, content_type=TYPES[format], headers={
        "Content-Disposition": f'attachment; filename="{name}-{stamp}.{format}"'})
