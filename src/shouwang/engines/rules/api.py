"""The alerts over HTTP: list, one, its journal, counts; acknowledge and shelve."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema

from shouwang.kernel.access import allowed
from shouwang.kernel.models import Account

from . import act, evidence, read
from .models import Alert, AlertChange

router = Router(tags=["alerts"])
PAGE = 100


class Place(Schema):
    """A subject or point in brief."""

    id: int
    name: str


class PointOut(Place):
    """The point an alert is about."""

    code: str
    quantity: str


class AlertOut(Schema):
    """An alert as it stands: a vector of facts. `state` is its ISA-18.2 letter."""

    id: int
    rule: str
    scene: str
    kind: str
    point: PointOut
    subject: Place
    enterprise: Place
    region: str
    line: str
    active: bool
    tier: int
    level: str
    highest: str
    opened_at: datetime
    raised_at: datetime
    recorded_at: datetime
    cleared_at: datetime | None
    first_value: float | None
    worst_value: float | None
    last_value: float | None
    limit_value: float | None
    unit: str
    basis: dict[str, Any]
    quality: str
    acked_at: datetime | None
    acked_by: str
    shelved_until: datetime | None
    shelved_by: str
    shelved_reason: str
    suppressed_by: str
    out_of_service: str
    parked: str
    state: str

    @staticmethod
    def resolve_enterprise(alert: Alert) -> Any:
        """The enterprise the subject belongs to."""
        return alert.top

    @staticmethod
    def resolve_state(alert: Alert) -> str:
        """A … G."""
        return read.isa_letter(alert)


class AlertList(Schema):
    """One page of alerts and how many there are."""

    count: int
    items: list[AlertOut]


class ChangeOut(Schema):
    """One line of the alarm journal."""

    id: int
    at: datetime
    recorded_at: datetime
    kind: str
    tier: int | None
    level: str
    value: float | None
    actor: str
    note: str
    data: dict[str, Any]


class CountsOut(Schema):
    """Open alerts by level and by what is still to be done."""

    levels: dict[str, int]
    open: int
    unacknowledged: int
    shelved: int
    no_data: int


class HourOut(Schema):
    """Alerts opened in one hour, by the highest level reached."""

    start: datetime
    levels: dict[str, int]
    total: int


class RegionOut(Schema):
    """Open alerts below one region code."""

    code: str
    levels: dict[str, int]
    worst: str
    open: int


class Narrow(Schema):
    """What a list can be narrowed by."""

    active: bool | None = None
    level: str = ""
    kind: Literal["", "limit", "no_data", "range", "rate", "flat", "count", "apart"] = ""
    scene: str = ""
    rule: str = ""
    region: str = ""
    top: int | None = None
    subject: int | None = None
    point: int | None = None
    acknowledged: bool | None = None
    shelved: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    search: str = ""


class Listing(Narrow):
    """… and how it is ordered and paged."""

    order: Literal["grave", "newest", "oldest"] = "grave"
    offset: int = 0
    limit: int = PAGE


class NoteIn(Schema):
    """A remark that goes into the journal."""

    note: str = ""


class ShelveIn(Schema):
    """Until when and why."""

    until: datetime
    reason: str


def _one(request: HttpRequest, pk: int) -> Alert:
    return get_object_or_404(Alert.objects.select_related("point", "subject", "top", "last"),
                             read.visible(request.user), pk=pk)


def _account(request: HttpRequest) -> Account:
    assert isinstance(request.user, Account)  # `allowed` let only people in
    return request.user


@router.get("/", response=AlertList, summary="预警列表")
@allowed("alerts.see")
def listing(request: HttpRequest, given: Query[Listing]) -> dict[str, Any]:
    """Alerts in scope, narrowed; at most 100 a page."""
    wanted = given.dict()
    start, size = max(0, wanted.pop("offset")), min(max(1, wanted.pop("limit")), PAGE)
    found = read.alerts(request.user, **wanted)
    return {"count": found.count(), "items": found[start:start + size]}


@router.get("/counts", response=CountsOut, summary="未结束的预警计数")
@allowed("alerts.see")
def counts(request: HttpRequest, given: Query[Narrow]) -> read.Counts:
    """Open alerts in scope by level."""
    return read.counts(request.user, **_open(given))


@router.get("/trend", response=list[HourOut], summary="逐时预警数")
@allowed("alerts.see")
def trend(request: HttpRequest, given: Query[Narrow], hours: int = 24) -> list[read.Hour]:
    """Alerts opened per hour, up to seven days back."""
    wanted = {k: v for k, v in given.dict().items() if k not in ("since", "until")}
    return read.trend(request.user, min(max(1, hours), 168), **wanted)


@router.get("/regions", response=list[RegionOut], summary="分区域未结束的预警")
@allowed("alerts.see")
def regions(request: HttpRequest, region: str = "", digits: int = 6) -> list[read.RegionCount]:
    """Open alerts below a region by the first digits of their code (4 city, 6 county, 9 town)."""
    return read.by_region(request.user, region, min(max(2, digits), 12))


def _open(given: Narrow) -> dict[str, Any]:
    return {k: v for k, v in given.dict().items() if k != "active"}


@router.get("/{int:pk}", response=AlertOut, summary="一条预警")
@allowed("alerts.see")
def one(request: HttpRequest, pk: int) -> Alert:
    """One alert in scope, or 404."""
    return _one(request, pk)


@router.get("/{int:pk}/changes", response=list[ChangeOut], summary="预警的变化记录")
@allowed("alerts.see")
def changes(request: HttpRequest, pk: int) -> list[AlertChange]:
    """The journal of one alert, oldest first."""
    return list(read.journal(_one(request, pk)))


@router.get("/{int:pk}/evidence", summary="预警的证据文件")
@allowed("alerts.see")
def evidence_file(request: HttpRequest, pk: int) -> HttpResponse:
    """A JSON file for a case: journal and events, each record holding to the one before; `shouwang verify` reads it."""
    alert = _one(request, pk)
    return HttpResponse(evidence.for_account(alert, _account(request)), content_type="application/json", headers={
        "Content-Disposition": f'attachment; filename="evidence-A{alert.pk}.json"'})


@router.post("/{int:pk}/acknowledge", response=AlertOut, summary="确认知悉")
@allowed("alerts.acknowledge")
def acknowledge(request: HttpRequest, pk: int, given: NoteIn) -> Alert:
    """Say that somebody knows; saying it twice changes nothing."""
    act.acknowledge(_one(request, pk), _account(request), given.note)
    return _one(request, pk)


@router.post("/{int:pk}/shelve", response=AlertOut, summary="搁置")
@allowed("alerts.shelve")
def shelve(request: HttpRequest, pk: int, given: ShelveIn) -> Alert:
    """Put aside until a moment, with a reason."""
    act.shelve(_one(request, pk), _account(request), given.until, given.reason)
    return _one(request, pk)


@router.post("/{int:pk}/unshelve", response=AlertOut, summary="取消搁置")
@allowed("alerts.shelve")
def unshelve(request: HttpRequest, pk: int, given: NoteIn) -> Alert:
    """Take off the shelf before its time."""
    act.unshelve(_one(request, pk), _account(request), given.note)
    return _one(request, pk)
