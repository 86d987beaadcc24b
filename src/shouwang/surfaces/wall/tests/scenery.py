"""The rows the wall's tests stand on: a supervisor, an enterprise with a point, an alert, a matter."""

from datetime import timedelta
from importlib import import_module
from itertools import count

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from shouwang.engines.flows.models import Matter
from shouwang.engines.rules.models import Alert
from shouwang.engines.subjects.models import Point, Subject
from shouwang.kernel import clock
from shouwang.kernel.models import Account, Grant, SpecVersion

_seq = count(1)


def account(username: str, role: str, region: str, subject: int | None = None) -> Account:
    """A person with one role in one region."""
    made = Account.objects.create_user(username, "不重要", name=username)
    Grant.objects.create(account=made, role=role, region=region, subject=subject)
    return made


def session(person: Account) -> str:
    """The key of a session in which the person is signed in."""
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(person.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = person.get_session_auth_hash()
    store.create()
    return str(store.session_key)


def enterprise(code: str, name: str, region: str, line: str = "hazchem") -> Subject:
    """An enterprise at its own place, with one tank and one point."""
    n = next(_seq)
    made = Subject.objects.create(kind="enterprise", code=code, name=name, region=region, line=line,
                                  lon=116.3 + n / 1000, lat=35.4)
    made.top = made
    made.save(update_fields=["top"])
    tank = Subject.objects.create(kind="tank", code=f"{code}-T1", name="1号储罐", region=region, parent=made,
                                  top=made, line=line)
    Point.objects.create(subject=tank, code=f"{code}-P1", name="1号储罐液位", quantity="level", unit="%")
    return made


def alert(top: Subject, level: str = "red", *, active: bool = True, hours: float = 0.1,
          rule: str = "hazchem.trial", scene: str = "hazchem") -> Alert:
    """An episode on the enterprise's point, opened so many hours ago; each has a rule of its own."""
    n = next(_seq)
    at = clock.now() - timedelta(hours=hours)
    point = Point.objects.select_related("subject").get(subject__top=top)
    return Alert.objects.create(
        rule=f"{rule}_{n}", scene=scene, point=point, subject=point.subject, top=top, region=top.region,
        line=top.line, active=active, tier=1, level=level, highest=level, opened_at=at, raised_at=at,
        recorded_at=at, first_value=91.5, last_value=92.5, worst_value=92.5, limit_value=85, unit="%", seq=n)


def matter(about: Alert, state: str = "handle", *, rung: int = 0) -> Matter:
    """The matter an alert opened."""
    version, _ = SpecVersion.objects.get_or_create(
        kind="flows", key="hazchem.warning", digest="0" * 64, defaults={"body": {}, "first_seen": clock.now()})
    return Matter.objects.create(
        spec="hazchem.warning", version=version, scene=about.scene, title="液位高", about=f"alert:{about.pk}",
        subject=about.subject, top=about.top, region=about.region, line=about.line, level=about.level, state=state,
        role="safety_manager", entered_at=about.opened_at, opened_at=about.opened_at, rung=rung,
        closed_at=clock.now() if state == "closed" else None)
