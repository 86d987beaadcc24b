"""Whether the product is well (`/healthz`) and its numbers for Prometheus (`/metrics`)."""

import hmac
import json
import os
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count, Max
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client.core import CollectorRegistry, CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from shouwang.engines.flows.models import Matter
from shouwang.engines.rules.models import Alert
from shouwang.engines.telemetry import live
from shouwang.kernel import clock
from shouwang.kernel.access import PUBLIC, guarded
from shouwang.kernel.models import Event

BEAT_STALE_S = 30
LOOPBACK = ("127.0.0.1", "::1")


@guarded(PUBLIC)
def healthz(_request: HttpRequest) -> JsonResponse:
    """200 when database, ingest and beat are well; 503 with each one's word otherwise."""
    told = {"database": _database(), "ingest": _ingest(), "beat": _beat()}
    well = all(v == "ok" for v in told.values())
    return JsonResponse({"ok": well, **told}, status=200 if well else 503)


def _database() -> str:
    try:
        Event.objects.order_by("id").values_list("id")[:1].first()
    except DatabaseError as wrong:
        return f"{type(wrong).__name__}"
    return "ok"


def _ingest() -> str:
    health = live.health()
    return "ok" if health.get("running") else str(health.get("problem", "down"))


def _beat() -> str:
    age = beat_age()
    return "ok" if age is not None and age < BEAT_STALE_S else "no heartbeat"


def beat_age() -> float | None:
    """Seconds since the beat process last told that it is alive; None when it never did."""
    try:
        told = (settings.DATA / "run" / "beat.json").stat().st_mtime
    except FileNotFoundError:
        return None
    return float(max(0.0, clock.now().timestamp() - told))


def beat() -> dict[str, Any]:
    """What the beat process tells about itself."""
    try:
        return dict(json.loads((settings.DATA / "run" / "beat.json").read_text("utf8")))
    except (FileNotFoundError, ValueError):
        return {}


@guarded(PUBLIC)
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text, for loopback or the bearer token of SHOUWANG_METRICS_TOKEN."""
    token = os.environ.get("SHOUWANG_METRICS_TOKEN", "")
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not (token and hmac.compare_digest(given.encode(), token.encode())) and (
            token or request.META.get("REMOTE_ADDR") not in LOOPBACK):
        return HttpResponse("unauthorized\n", status=401, content_type="text/plain")
    registry = CollectorRegistry()
    registry.register(Numbers())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Numbers:
    """The collector: read when asked, nothing kept."""

    def collect(self) -> Iterator[Metric]:
        """Business plane first, then what ingest tells when it runs."""
        yield _by("shouwang_alerts_open", "open alerts by level", "level",
                  Alert.objects.filter(active=True).values_list("level").annotate(n=Count("id")))
        yield _by("shouwang_matters_open", "open matters by state", "state",
                  Matter.objects.filter(closed_at=None).values_list("state").annotate(n=Count("id")))
        late = Matter.objects.filter(closed_at=None, overdue=True).count()
        yield GaugeMetricFamily("shouwang_matters_overdue", "open matters past their deadline", value=late)
        last = Event.objects.aggregate(n=Max("id"))["n"] or 0
        yield CounterMetricFamily("shouwang_events", "events ever written", value=last)
        yield GaugeMetricFamily("shouwang_beat_age_seconds", "since the last heartbeat", value=beat_age() or -1)
        yield from _telemetry(live.health())


def _telemetry(health: dict[str, Any]) -> Iterator[Metric]:
    yield GaugeMetricFamily("shouwang_ingest_up", "ingest process answers", value=int(bool(health.get("running"))))
    if not health.get("running"):
        return
    yield CounterMetricFamily("shouwang_readings", "readings taken", value=health["readings"])
    yield GaugeMetricFamily("shouwang_readings_per_second", "over the last minute", value=health["readings_per_s"])
    yield GaugeMetricFamily("shouwang_points", "points in the plan", value=health["points"])
    yield GaugeMetricFamily("shouwang_points_heard", "points heard since start", value=health["points_heard"])
    yield GaugeMetricFamily("shouwang_readings_waiting", "offered and not yet durable", value=health["waiting"])
    yield _by("shouwang_refused", "refused by reason", "reason", health["refused"].items(), CounterMetricFamily)


def _by(name: str, meaning: str, label: str, rows: Any, kind: Any = GaugeMetricFamily) -> Metric:
    family: Metric = kind(name, meaning, labels=[label])
    for key, value in rows:
        family.add_metric([str(key)], value)  # type: ignore[attr-defined]
    return family
