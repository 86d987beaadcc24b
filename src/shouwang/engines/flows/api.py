"""The matters over HTTP: list, one, its story, its files, the acts."""

import json
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from ninja import Form, Query, Router, Schema

from shouwang.kernel.access import allowed
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Account

from . import evidence, move, read, versions
from .models import Attachment, Matter
from .story import Step

router = Router(tags=["matters"])
PAGE = 100
MULTIPART: dict[str, Any] = {"requestBody": {"content": {"multipart/form-data": {"schema": {
    "type": "object", "required": ["revision"], "additionalProperties": {
        "type": "array", "items": {"type": "string", "format": "binary"},
        "description": "附件,键为表单栏的 id(如 photo)"},
    "properties": {"revision": {"type": "integer", "description": "打开表单时事项的 revision"},
                   "form": {"type": "string", "description": "各栏的值,JSON 对象"}}}}}}}


class Place(Schema):
    """A subject in brief."""

    id: int
    name: str


class MatterOut(Schema):
    """A matter as it stands."""

    id: int
    flow: str
    title: str
    scene: str
    about: str
    subject: Place
    enterprise: Place
    region: str
    level: str
    state: str
    state_title: str
    role: str
    delegate: str
    opened_at: datetime
    entered_at: datetime
    due_at: datetime | None
    overdue: bool
    flagged: str
    closed_at: datetime | None
    end: str
    rung: int
    revision: int
    acts: dict[str, Any] = {}


class Page(Schema):
    """Some of the matters and how many there are."""

    count: int
    items: list[MatterOut]


class FileOut(Schema):
    """A file handed in."""

    id: int
    name: str
    mime: str
    size: int
    sha256: str


class StepOut(Schema):
    """One event of the story."""

    event: int
    cause: int | None
    at: datetime
    type: str
    text: str
    who: str
    note: str
    form: list[tuple[str, str]]
    files: list[FileOut]


class Wanted(Schema):
    """Filters of the list."""

    mine: bool = False
    open: bool | None = None
    state: str = ""
    flow: str = ""
    scene: str = ""
    level: str = ""
    role: str = ""
    region: str = ""
    top: int | None = None
    subject: int | None = None
    about: str = ""
    overdue: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    words: str = ""
    offset: int = 0
    limit: int = PAGE


class Delegating(Schema):
    """To whom, and why."""

    to: int
    reason: str


def shown(matter: Matter, acts: dict[str, Any] | None = None) -> MatterOut:
    """The matter for the wire."""
    plain = {k: getattr(matter, k) for k in (
        "title", "scene", "about", "region", "level", "state", "role", "opened_at", "entered_at", "due_at", "overdue",
        "flagged", "closed_at", "end", "rung", "revision")}
    return MatterOut(
        id=matter.pk, flow=matter.spec, state_title=versions.state_of(matter).title,
        subject=Place(id=matter.subject_id, name=matter.subject.name), acts=acts or {},
        enterprise=Place(id=matter.top_id, name=matter.top.name),
        delegate=matter.delegate.name if matter.delegate else "", **plain)


def _asks(account: Account, matter: Matter) -> MatterOut:
    acts = {k: a.model_dump(mode="json") for k, a in read.acts_for(account, matter).items()}
    return shown(matter, acts)


@router.get("/matters", response=Page, summary="待办事项列表")
@allowed("matters.see")
def listed(request: HttpRequest, wanted: Query[Wanted]) -> Page:
    """Matters within reach, newest first; with `mine` only those that wait for the caller."""
    filters = wanted.model_dump(exclude={"offset", "limit"})
    found = read.matters(_me(request), {**filters, "mine": wanted.mine or None})
    first = max(wanted.offset, 0)
    return Page(count=found.count(), items=[shown(m) for m in found[first:first + min(max(wanted.limit, 1), 500)]])


@router.get("/matters/{pk}", response=MatterOut, summary="一件事项,附我能办的步骤和表单")
@allowed("matters.see")
def one(request: HttpRequest, pk: int) -> MatterOut:
    """One matter with the acts open to the caller and their forms."""
    return _asks(_me(request), read.one(_me(request), pk))


@router.get("/matters/{pk}/timeline", response=list[StepOut], summary="一件事项的全链条")
@allowed("matters.see")
def timeline(request: HttpRequest, pk: int) -> list[Step]:
    """Every event of the matter and of what it is about, in order."""
    return read.timeline(read.one(_me(request), pk))


@router.post("/matters/{pk}/acts/{act}", response=MatterOut, summary="办理一步", openapi_extra=MULTIPART)
@allowed("matters.see")
def act(request: HttpRequest, pk: int, act: str, revision: Form[int], form: Form[str] = "{}") -> MatterOut:
    """Take a step: the form as a JSON object, files under their field's id."""
    account = _me(request)
    files = {name: request.FILES.getlist(name) for name in request.FILES}
    matter = move.act(read.one(account, pk), act, account, _object(form), files, revision)
    return _asks(account, read.one(account, matter.pk))


@router.post("/matters/{pk}/delegate", response=MatterOut, summary="委托他人办理")
@allowed("matters.delegate")
def delegate(request: HttpRequest, pk: int, asked: Delegating) -> MatterOut:
    """Somebody else is to act in this state."""
    account = _me(request)
    to = get_object_or_404(Account, pk=asked.to, is_active=True)
    move.delegate(read.one(account, pk), account, to, asked.reason)
    return _asks(account, read.one(account, pk))


@router.get("/matters/{pk}/files/{file}", summary="事项的附件")
@allowed("matters.see")
def attachment(request: HttpRequest, pk: int, file: int) -> HttpResponse:
    """The bytes as they came, to whoever sees the matter; pictures show, papers are saved."""
    kept = get_object_or_404(Attachment, pk=file, matter=read.one(_me(request), pk))
    return HttpResponse(evidence.path_of(kept.sha256).read_bytes(), content_type=kept.mime, headers={
        "Content-Disposition": content_disposition_header(not kept.mime.startswith("image/"), kept.name) or "",
        "X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=3600"})


def _me(request: HttpRequest) -> Account:
    assert isinstance(request.user, Account)
    return request.user


def _object(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text or "{}")
    except json.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise BadInput("form 应是一个 JSON 对象,如 {\"reason\": \"process_swing\"}")
    return given
