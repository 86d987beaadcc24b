"""What a person may see of sources, readings and ingest health."""

from typing import Any

from django.db.models import QuerySet

from shouwang.engines.subjects.models import Point
from shouwang.kernel import access

from . import live
from .models import Source


def sources(account: Any, permission: str = "ingest.see") -> QuerySet[Source]:
    """Sources of the enterprises in reach; one without an enterprise is seen by who reaches everywhere."""
    reach = access.scope(account, permission, region="enterprise__region", top="enterprise_id",
                         line="enterprise__line")
    return Source.objects.filter(reach).select_related("enterprise")


def points(account: Any) -> QuerySet[Point]:
    """Points whose readings the person may see."""
    reach = access.scope(account, "readings.see", region="subject__region", top="subject__top_id",
                         line="subject__line")
    return Point.objects.filter(reach).select_related("subject")


def everywhere(account: Any, permission: str = "ingest.see") -> bool:
    """Whether the person holds the permission with no bound at all: strangers at the door are theirs to see."""
    return any(not (g.region or g.subject or g.line) for g in access.holding(account, permission))


def health(account: Any) -> dict[str, Any]:
    """Ingest health, with the sources in reach and what was refused from them."""
    told = live.health()
    if everywhere(account):
        return told
    names = set(sources(account).values_list("name", flat=True))
    told["sources"] = [s for s in told["sources"] if s["name"] in names]
    told["refusals"] = [r for r in told["refusals"] if r["source"] in names]
    told["refused"] = _sum(s["refused"] for s in told["sources"])
    told.pop("refused_unknown", None)
    return told


def _sum(parts: Any) -> dict[str, int]:
    out: dict[str, int] = {}
    for part in parts:
        for reason, count in part.items():
            out[reason] = out.get(reason, 0) + count
    return out
