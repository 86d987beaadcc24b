"""Readings over HTTP: latest values, curves, sources and their credentials, ingest health."""

from datetime import datetime, timedelta
from typing import Any, cast

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema, Status

from shouwang.engines.subjects.models import Subject
from shouwang.kernel import access, clock
from shouwang.kernel.access import allowed
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Account

from . import credentials, live, read, visible
from .models import Source

router = Router(tags=["telemetry"])
MOST_POINTS = 500  # points of one question for latest values
LONGEST = timedelta(days=400)


class LatestOut(Schema):
    """A point's newest reading; t, value and quality are null when none is known."""

    point: int
    t: datetime | None
    value: float | None
    quality: str | None
    unit: str


class SeriesOut(Schema):
    """A curve in columns; bucket_ms 0 means the readings themselves, else v is the mean of each bucket."""

    point: int
    unit: str
    bucket_ms: int
    t: list[int]
    v: list[float | None]
    low: list[float | None]
    high: list[float | None]
    q: list[int]


class SourceOut(Schema):
    """A credentialed device or gateway. Its token is not among what is kept."""

    id: int
    name: str
    kind: str
    enterprise_id: int | None
    enabled: bool
    made_at: datetime


class SourceIn(Schema):
    """A source to be made."""

    name: str = Field(max_length=80)
    kind: str = "gateway"
    enterprise_id: int | None = None


class TokenOut(Schema):
    """A token: shown this once."""

    id: int
    token: str


class Span(Schema):
    """A stretch of time, the last 24 hours unless given."""

    since: datetime | None = None
    until: datetime | None = None
    max_points: int = Field(read.MOST_POINTS, ge=10, le=100_000)

    def bounds(self) -> tuple[int, int]:
        """Both ends in ms."""
        until = self.until or clock.now()
        since = self.since or until - timedelta(days=1)
        if since.tzinfo is None or until.tzinfo is None:
            raise BadInput("时间要带时区,如 2026-01-31T08:00:00+08:00")
        if not timedelta(0) < until - since <= LONGEST:
            raise BadInput("时间段应从早到晚,且不超过 400 天")
        return int(since.timestamp() * 1000), int(until.timestamp() * 1000)


@router.get("/latest", response=list[LatestOut], summary="最新读数")
@allowed("readings.see")
def latest(request: HttpRequest, points: str) -> list[LatestOut]:
    """Newest readings of points (ids with commas between, 500 at most); points out of reach are left out."""
    wanted = [int(p) for p in points.split(",") if p.strip().isascii() and p.strip().isdigit()]
    if not 0 < len(wanted) <= MOST_POINTS:
        raise BadInput(f"points 应是 1–{MOST_POINTS} 个点位编号,以逗号分隔")
    units = dict(visible.points(request.user).filter(pk__in=wanted).values_list("pk", "unit"))
    known = live.latest(units)
    return [_latest(p, known[p], units[p]) for p in wanted if p in units]


def _latest(point: int, found: live.Live | None, unit: str) -> LatestOut:
    if found is None:
        return LatestOut(point=point, t=None, value=None, quality=None, unit=unit)
    return LatestOut(point=point, t=clock.from_ms(found.t), value=found.value, quality=found.quality, unit=unit)


@router.get("/points/{int:point}/series", response=SeriesOut, summary="历史曲线")
@allowed("readings.see")
def series(request: HttpRequest, point: int, span: Query[Span]) -> HttpResponse:
    """A point's curve; more readings than max_points come as buckets with low and high."""
    row = get_object_or_404(visible.points(request.user), pk=point)
    (curve,) = read.series([row.pk], *span.bounds(), max_points=span.max_points)
    columns = {n: getattr(curve, n).tolist() for n in ("t", "v", "low", "high", "q")}
    body = {"point": row.pk, "unit": row.unit, "bucket_ms": curve.bucket_ms, **columns}
    return HttpResponse(msgspec.json.encode(body), content_type="application/json; charset=utf-8")  # NaN is null


@router.get("/sources", response=list[SourceOut], summary="接入凭证列表")
@allowed("ingest.see")
def sources(request: HttpRequest) -> list[Source]:
    """Sources in reach."""
    return list(visible.sources(request.user).order_by("name"))


@router.post("/sources", response={201: TokenOut}, summary="新建接入凭证")
@allowed("ingest.edit")
def make(request: HttpRequest, given: SourceIn) -> Status[TokenOut]:
    """A new source; the answer holds its token, which is not shown again."""
    enterprise = get_object_or_404(Subject, pk=given.enterprise_id) if given.enterprise_id else None
    require(request.user, enterprise)
    source, token = credentials.make_source(given.name, given.kind, enterprise, actor=_name(request))
    return Status(201, TokenOut(id=source.pk, token=token))


@router.post("/sources/{int:source}/token", response=TokenOut, summary="更换凭证")
@allowed("ingest.edit")
def renew(request: HttpRequest, source: int) -> TokenOut:
    """A new token in place of the old one."""
    row = _mine(request, source)
    return TokenOut(id=row.pk, token=credentials.rotate(row, actor=_name(request)))


@router.post("/sources/{int:source}/disable", response=SourceOut, summary="停用凭证")
@allowed("ingest.edit")
def disable(request: HttpRequest, source: int) -> Source:
    """Withdraw the credential."""
    row = _mine(request, source)
    credentials.disable(row, actor=_name(request))
    return row


@router.post("/sources/{int:source}/enable", response=SourceOut, summary="启用凭证")
@allowed("ingest.edit")
def enable(request: HttpRequest, source: int) -> Source:
    """Let the source in again."""
    row = _mine(request, source)
    credentials.enable(row, actor=_name(request))
    return row


@router.get("/ingest/health", response=dict[str, Any], summary="接入状况")
@allowed("ingest.see")
def health(request: HttpRequest) -> dict[str, Any]:
    """How the intake is doing, with the sources in reach."""
    return visible.health(request.user)


def require(account: Any, enterprise: Subject | None) -> None:
    """NotAllowed unless the account may edit sources there; without an enterprise: everywhere."""
    access.require(account, "ingest.edit", region=enterprise.region if enterprise else "",
                   top=(enterprise.top_id or enterprise.pk) if enterprise else None,
                   line=enterprise.line if enterprise else "")


def _mine(request: HttpRequest, source: int) -> Source:
    return get_object_or_404(visible.sources(request.user, "ingest.edit"), pk=source)


def _name(request: HttpRequest) -> str:
    return cast(Account, request.user).username
