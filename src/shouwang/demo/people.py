"""The demo's accounts, their grants, the duty posts and who sits there: one for every role, and every desk manned."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from django.contrib.auth.hashers import make_password

from shouwang.engines.notify.models import Post, Shift
from shouwang.kernel import clock
from shouwang.kernel.models import Account, Grant

from . import names
from .places import County, Grid, Town

BEFORE, AFTER = 31, 31  # days of roster before today (government desks; enterprises: from yesterday) and after


@dataclass
class Seat:
    """One account to be, with its grant."""

    username: str
    name: str
    role: str
    region: str = ""
    subject: int | None = None
    credential: str = ""


@dataclass
class Desk:
    """One duty post to be, with the accounts that sit there by day and by night."""

    name: str
    role: str
    region: str
    day: str
    night: str
    subject: int | None = None


@dataclass
class Staff:
    """Everybody of the demo city."""

    seats: list[Seat] = field(default_factory=list)
    desks: list[Desk] = field(default_factory=list)


@dataclass(frozen=True)
class Employer:
    """An enterprise as its people need it."""

    number: int
    id: int
    name: str
    region: str
    manned: bool  # has points, so has operators on duty


def staff(
    city: str,
    title: str,
    counties: list[County],
    employers: list[Employer],
    first: tuple[Employer, County, Town, Grid],
    rng: random.Random,
) -> Staff:
    """Who is needed: the city's people, each county's and town's desks, each enterprise's manager and operators."""
    firm, county, town, grid = first
    out = Staff()
    _city(out, city, title, county, town, grid, rng)
    for c in counties:
        named = "xianzhiban" if c.code == county.code else ""
        _desk(out, f"{c.name}应急值守", "county_duty", c.code, named, rng)
        if c.code != county.code:
            out.seats.append(Seat(f"jg{c.code}", names.person(rng), "county_supervisor", c.code))
        for t in c.towns:
            _desk(out, f"{t.name}值守", "town_duty", t.code, "zhenzhiban" if t.code == town.code else "", rng)
    for e in employers:
        _enterprise(out, e, e.id == firm.id, rng)
    return out


def _city(out: Staff, city: str, title: str, county: County, town: Town, grid: Grid, rng: random.Random) -> None:
    for username, role, region, credential in (
            ("shi", "city_supervisor", city, ""), ("lingdao", "leader", city, ""), ("zhidu", "read_only", city, ""),
            ("yunwei", "engineer", city, ""), ("xian", "county_supervisor", county.code, ""),
            ("zhen", "town_supervisor", town.code, ""), ("wangge", "grid_member", grid.code, ""),
            ("zhifa", "officer", county.code, "样例执法证000001")):
        out.seats.append(Seat(username, names.person(rng), role, region, credential=credential))
    _desk(out, f"{title}应急值守", "city_duty", city, "shizhiban", rng)


def _desk(out: Staff, name: str, role: str, region: str, named: str, rng: random.Random) -> None:
    """A named demo account holds its desk round the clock, so that logging in at any hour finds the calls there."""
    day, night = (named, named) if named else (f"zb{region}a", f"zb{region}b")
    for username in dict.fromkeys((day, night)):
        out.seats.append(Seat(username, names.person(rng), role, region))
    out.desks.append(Desk(name, role, region, day, night))


def _enterprise(out: Staff, e: Employer, first: bool, rng: random.Random) -> None:
    out.seats.append(
        Seat("qiye" if first else f"qy{e.number:03d}", names.person(rng), "safety_manager", e.region, e.id)
    )
    if not e.manned:
        return
    day, night = ("zhiban_qiye",) * 2 if first else (f"qy{e.number:03d}a", f"qy{e.number:03d}b")
    for username in dict.fromkeys((day, night)):
        out.seats.append(Seat(username, names.person(rng), "operator", e.region, e.id))
    out.desks.append(Desk(f"{e.name}值班室", "operator", e.region, day, night, e.id))


def hire(staff: Staff, password: str, suffix: str) -> dict[str, Account]:
    """Make the accounts and grants; all demo accounts share one hash of the deployment's random password."""
    hashed = make_password(password)
    made = Account.objects.bulk_create([
        Account(username=f"{s.username}{suffix}", name=s.name, password=hashed, sample=True) for s in staff.seats],
        batch_size=500)
    until = clock.today() + timedelta(days=365)
    Grant.objects.bulk_create(
        [
            Grant(
                account=a,
                role=s.role,
                region=s.region,
                subject=s.subject,
                credential=s.credential,
                valid_until=until if s.credential else None,
            )
            for a, s in zip(made, staff.seats, strict=True)
        ],
        batch_size=500,
    )
    return {s.username: a for a, s in zip(made, staff.seats, strict=True)}


def roster(staff: Staff, accounts: dict[str, Account]) -> int:
    """Every post manned by day (08–20) and by night, a month ahead. Returns the shifts made."""
    posts = Post.objects.bulk_create([
        Post(name=d.name[:80], role=d.role, region=d.region, subject=d.subject, sample=True) for d in staff.desks],
        batch_size=500)
    today = datetime.combine(clock.today(), time(8), clock.LOCAL).astimezone(UTC)
    moments = {half: today + timedelta(hours=12 * half) for half in range(-2 * BEFORE, 2 * AFTER + 1)}
    shifts = []
    for desk, post in zip(staff.desks, posts, strict=True):
        day, night = accounts[desk.day].pk, accounts[desk.night].pk
        for half in range(-2 if desk.subject else -2 * BEFORE, 2 * AFTER):
            shifts.append(Shift(post_id=post.pk, account_id=night if half % 2 else day,
                                starts=moments[half], ends=moments[half + 1]))
    Shift.objects.bulk_create(shifts, batch_size=2000)
    return len(shifts)
