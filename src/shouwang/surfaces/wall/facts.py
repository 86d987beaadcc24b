"""What a screen says of one alert or matter: the same facts in live stream, ticker and card."""

from datetime import datetime
from typing import Any

from shouwang.engines.flows.models import Matter
from shouwang.engines.rules.models import Alert
from shouwang.engines.subjects.models import Subject
from shouwang.kernel import content
from shouwang.kernel.errors import ContentError


def milliseconds(moment: datetime) -> int:
    """An aware moment in milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


def of_alert(alert: Alert) -> dict[str, Any]:
    """An alert with `point`, `subject` and `top` at hand, as facts of the moment."""
    title, title_en = titles("rules", alert.rule)
    return {
        "alert": alert.pk, "scene": alert.scene, "rule": alert.rule, "title": title, "title_en": title_en,
        "kind": alert.kind, "level": alert.level, "highest": alert.highest, "active": alert.active,
        "tier": alert.tier, "value": alert.last_value, "limit": alert.limit_value, "unit": alert.unit,
        "point": alert.point.name, "point_code": alert.point.code, "subject": alert.subject.name,
        "opened": milliseconds(alert.opened_at), "published": milliseconds(alert.raised_at),
        "region": alert.region, **of_enterprise(alert.top),
    }


def of_matter(matter: Matter) -> dict[str, Any]:
    """A matter with `subject` and `top` at hand, as facts of the moment."""
    kind, _, number = matter.about.partition(":")
    return {
        "matter": matter.pk, "alert": int(number) if kind == "alert" else None, "scene": matter.scene,
        "title": matter.title, "title_en": matter.title, "state": matter.state, "level": matter.level,
        "highest": matter.level, "overdue": matter.overdue, "subject": matter.subject.name,
        "region": matter.region, **of_enterprise(matter.top),
    }


def of_enterprise(top: Subject) -> dict[str, Any]:
    """Who and where."""
    return {"enterprise": top.name, "enterprise_id": top.pk, "lon": top.lon, "lat": top.lat}


def titles(kind: str, key: str) -> tuple[str, str]:
    """Chinese and English title of a declared item; an item no longer declared goes by its key."""
    try:
        spec = content.get(kind, key)
    except ContentError:
        return key, key
    return spec.title, spec.title_en or spec.title
