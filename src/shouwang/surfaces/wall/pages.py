"""The wall 一张图: the page and the few JSON answers it lives on, each guarded, scoped, counted cheaply."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
from django.conf import settings
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from shouwang.engines.subjects.models import Subject
from shouwang.engines.subjects.spec import Level
from shouwang.kernel import access, content

from . import base_map, counts, live, places, wording
from .counts import View

FRESH = 2  # s one answer serves every screen with the same view


@require_GET
@access.guarded("wall.see")
def wall(request: HttpRequest) -> HttpResponse:
    """The page itself: a frame that fills itself from the JSON answers and the live stream."""
    region = places.asked(request.user, request.GET.get("region"))
    scene = _scene(request)
    start = {
        "region": region, "scene": scene, "words": wording.words(), "language": get_language(),
        "levels": [_level(lv) for lv in content.every("levels")], "links": wording.links(request.user),
        "lines": wording.lines(),
        "live": access.may(request.user, "alerts.see"),
    }
    return render(request, "wall/wall.html", {
        "start": start, "place": places.name_of(region), "scene": scene, "scenes": wording.scenes(),
        "MAP_APPROVAL": settings.MAP_APPROVAL,
        "sample": Subject.objects.filter(kind="enterprise", sample=True).exists(),
    })


def _level(level: Level) -> dict[str, Any]:
    return {"id": level.id, "title": wording.titled(level), "short": wording.titled(level)[:1].upper()}


def _scene(request: HttpRequest) -> str:
    scene = request.GET.get("scene", "")
    if scene and scene not in content.scenes:
        raise Http404(f"没有场景 {scene}")
    return scene


def _view(request: HttpRequest) -> View:
    return View(request.user, places.asked(request.user, request.GET.get("region")), _scene(request))


def _answer(request: HttpRequest, body: bytes, etag: str, *, keep: int = 0) -> HttpResponse:
    headers = {"ETag": etag, "Cache-Control": f"private, max-age={keep}" if keep else "private, no-cache"}
    if request.headers.get("If-None-Match") == etag:
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(body, content_type="application/json", headers=headers)


def _counted(request: HttpRequest, name: str, count: Callable[[View], Any]) -> HttpResponse:
    view = _view(request)
    key = f"wall:{name}:{view.signature}"
    body = cache.get(key)
    if body is None:
        body = msgspec.json.encode(count(view))
        cache.set(key, body, FRESH)
    return _answer(request, body, f'"{hashlib.sha256(body).hexdigest()[:20]}"')


@require_GET
@access.guarded("wall.see")
def map_json(request: HttpRequest) -> HttpResponse:
    """`/wall/map.json?region=`: outlines of the region; the same until the base map changes."""
    sheet = base_map.sheet(places.asked(request.user, request.GET.get("region")))
    return _answer(request, sheet.body, sheet.etag, keep=3600)


@require_GET
@access.guarded("wall.see")
def enterprises_json(request: HttpRequest) -> HttpResponse:
    """`/wall/enterprises.json?region=&scene=`: one short row an enterprise."""
    return _counted(request, "enterprises", lambda view: {"rows": counts.enterprises(view)})


@require_GET
@access.guarded("wall.see")
def summary_json(request: HttpRequest) -> HttpResponse:
    """`/wall/summary.json?region=&scene=`: everything beside the map."""
    return _counted(request, "summary", lambda view: counts.summary(view) | {
        "place": places.around(view.account, view.region), "towns": places.towns(view.region)})


@require_GET
@access.guarded("wall.see")
def enterprise_json(request: HttpRequest, pk: int) -> HttpResponse:
    """`/wall/enterprise/<id>.json`: the card of one enterprise; out of scope it does not exist."""
    within = access.scope(request.user, "wall.see", top="pk", line="line")
    found = Subject.objects.filter(within, kind="enterprise", pk=pk).first()
    if found is None:
        raise Http404("没有这家企业")
    body = msgspec.json.encode(counts.card(request.user, found))
    return _answer(request, body, f'"{hashlib.sha256(body).hexdigest()[:20]}"')


urlpatterns = [
    path("wall/", wall, name="wall"),
    path("wall/map.json", map_json, name="wall-map"),
    path("wall/enterprises.json", enterprises_json, name="wall-enterprises"),
    path("wall/summary.json", summary_json, name="wall-summary"),
    path("wall/enterprise/<int:pk>.json", enterprise_json, name="wall-enterprise"),
    path("live/stream", live.stream, name="live-stream"),
]
