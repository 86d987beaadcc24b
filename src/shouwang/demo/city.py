"""Seed a demo city: real counties, made-up enterprises with their plant, points, gateways, people and rosters."""

import json
import os
import random
import secrets
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from shouwang.engines.subjects import regions
from shouwang.engines.subjects.models import Point, Region, Subject
from shouwang.engines.telemetry.models import Channel, Source
from shouwang.kernel import clock, content, params
from shouwang.kernel.errors import BadInput

from . import firms, names, people, places, plants, tokens
from .firms import Firm
from .plants import Part, Sensor

SHOWN = (
    "shi",
    "xian",
    "zhen",
    "wangge",
    "qiye",
    "zhiban_qiye",
    "zhifa",
    "lingdao",
    "yunwei",
    "zhidu",
    "shizhiban",
    "xianzhiban",
    "zhenzhiban",
)  # the accounts `shouwang up` prints
GASES = ("h2s", "nh3", "cl2", "co")


@dataclass(frozen=True)
class Seeded:
    """What was made, and where the passwords lie."""

    city: str
    name: str
    enterprises: int
    subjects: int
    points: int
    accounts: Path
    fresh: bool


def seed(city_code: str = "370800", *, enterprises: int = 300, points: int = 17_001, seed: int = 1,
         accounts: bool = True) -> Seeded:
    """Fill the registry with a demo city; a city already seeded is left as it is. Same arguments, same city."""
    if enterprises < 10 or points < enterprises:
        raise BadInput("样例城市至少 10 家企业,点位数不少于企业数")
    regions.load_all()
    home = regions.one(city_code)
    if Subject.objects.filter(sample=True, kind="enterprise", region__startswith=home.code).exists():
        return _already(home)
    with transaction.atomic():
        return _build(home, enterprises, points, random.Random(f"{home.code}:{seed}"), accounts)


def _already(home: Region) -> Seeded:
    here = Subject.objects.filter(sample=True, region__startswith=home.code)
    return Seeded(home.code, home.name, here.filter(kind="enterprise").count(), here.count(),
                  Point.objects.filter(subject__in=here.values("pk")).count(), _accounts_file(), False)


def _build(home: Region, enterprises: int, points: int, rng: random.Random, accounts: bool) -> Seeded:
    counties = places.of_city(home.code, rng)
    _towns(counties)
    planned = firms.plan(counties, enterprises, points, rng)
    tops = _enterprises(planned)
    subjects, sensors = _plant(planned, tops, _gas_limits(home.code), rng)
    ledger = _ledger(planned, tops, rng)
    _points(planned, tops, sensors)
    if accounts:
        _people(home, counties, planned, tops, rng)
    return Seeded(home.code, home.name, len(tops), len(tops) + subjects + ledger, len(sensors), _accounts_file(), True)


def _towns(counties: list[places.County]) -> None:
    ids = dict(Region.objects.filter(code__in=[c.code for c in counties]).values_list("code", "pk"))
    towns = Region.objects.bulk_create([
        Region(code=t.code, name=t.name, tier="town", parent_id=ids[c.code], lon=t.lon, lat=t.lat)
        for c in counties for t in c.towns], ignore_conflicts=True)
    ids = dict(Region.objects.filter(code__in=[t.code for t in towns]).values_list("code", "pk"))
    Region.objects.bulk_create([
        Region(code=g.code, name=g.name, tier="grid", parent_id=ids[t.code], lon=g.lon, lat=g.lat)
        for c in counties for t in c.towns for g in t.grids], ignore_conflicts=True)


def _enterprises(planned: list[Firm]) -> list[Subject]:
    made = Subject.objects.bulk_create(
        [
            Subject(
                kind="enterprise",
                code=f.code,
                name=f.name,
                region=f.grid.code,
                line=f.line,
                lon=f.lon,
                lat=f.lat,
                sample=True,
                facts={
                    "address": f"{f.county.name}样例园区{f.number}号",
                    "legal_person": "样例",
                    "safety_phone": f"1000000{f.number:04d}",
                    "staff": f.staff,
                    "exposed_persons_500m": f.persons,
                },
            )
            for f in planned
        ],
        batch_size=500,
    )
    Subject.objects.filter(pk__in=[s.pk for s in made]).update(top_id=F("pk"))
    for s in made:
        s.top_id = s.pk
    return made


def _gas_limits(city: str) -> plants.Limits:
    """Level 1 and level 2 of the gas detectors, from the scene's dated params."""
    on, place = clock.today(), params.of_region(city)
    toxic = params.value("hazchem.toxic", on, place)
    return {
        "combustible": (
            _number("hazchem.combustible_level1", on, place),
            _number("hazchem.combustible_level2", on, place),
        ),
        **{g: (float(toxic[g]["level1"]), float(toxic[g]["level2"])) for g in GASES},
    }


def _number(path: str, on: date, place: str) -> float:
    return float(params.value(path, on, place))


def _plant(planned: list[Firm], tops: list[Subject], limits: plants.Limits, rng: random.Random
           ) -> tuple[int, list[tuple[int, Subject, Sensor]]]:
    """Make every facility, level by level; returns how many, and each sensor with its firm's place in the list."""
    parts = [(n, p) for n, f in enumerate(planned) for p in plants.build(f.trade, f.points, f.persons, limits, rng)]
    made: dict[int, Subject] = {}
    waiting = parts
    while waiting:
        ready = [(n, p) for n, p in waiting if p.under is None or id(p.under) in made]
        waiting = [(n, p) for n, p in waiting if not (p.under is None or id(p.under) in made)]
        rows = [_part(planned[n], tops[n], p, made.get(id(p.under)), rng) for n, p in ready]
        for (_, p), row in zip(ready, Subject.objects.bulk_create(rows, batch_size=500), strict=True):
            made[id(p)] = row
    return len(made), [(n, made[id(p)], s) for n, p in parts for s in p.sensors]


def _part(firm: Firm, top: Subject, part: Part, under: Subject | None, rng: random.Random) -> Subject:
    return Subject(
        kind=part.kind,
        code=f"{firm.prefix}-{part.tag}",
        name=part.name,
        parent=under or top,
        top=top,
        region=top.region,
        line=top.line,
        facts=part.facts,
        sample=True,
        lon=round(firm.lon + rng.uniform(-0.002, 0.002), 5),
        lat=round(firm.lat + rng.uniform(-0.0015, 0.0015), 5),
    )


def _ledger(planned: list[Firm], tops: list[Subject], rng: random.Random) -> int:
    """Cameras and people of the ledger."""
    rows = []
    for f, top in zip(planned, tops, strict=True):
        common: dict[str, Any] = {"parent": top, "top": top, "region": top.region, "line": top.line, "sample": True}
        rows += [Subject(kind="camera", code=f"{f.prefix}-CAM{k}", name=f"{f.name[:8]} {spot}", lon=f.lon, lat=f.lat,
                         facts={"channel": f"34020000001320{f.number:04d}{k:02d}", "maker": "样例"}, **common)
                 for k, spot in enumerate(("大门", "中控室", "作业现场")[:2 if f.points == 0 else 3], 1)]
        rows += [Subject(kind="person", code=f"{f.prefix}-RY{k}", name=names.person(rng),
                         facts={"phone": f"100{f.number:04d}{k:04d}", "post": post}, **common)
                 for k, post in enumerate(("主要负责人", "安全管理员", "操作负责人"), 1)]
    return len(Subject.objects.bulk_create(rows, batch_size=500))


def _points(planned: list[Firm], tops: list[Subject], sensors: list[tuple[int, Subject, Sensor]]) -> None:
    """The points with their limits, one gateway a firm, and the address of every point."""
    made = Point.objects.bulk_create([_point(planned[n], subject, s) for n, subject, s in sensors], batch_size=500)
    key = tokens.secret(settings.DATA)
    measured = sorted({n for n, _, _ in sensors})
    names_ = {n: f"gw-{planned[n].prefix}" for n in measured}
    sources = dict(zip(measured, Source.objects.bulk_create([Source(
        name=names_[n], kind="gateway", token_hash=tokens.hash_of(tokens.token_of(key, names_[n])), enterprise=tops[n],
        sample=True) for n in measured]), strict=True))
    Channel.objects.bulk_create([
        Channel(point=p, source=sources[n], device=subject.code, key=_key(s))
        for p, (n, subject, s) in zip(made, sensors, strict=True)], batch_size=500)


def _key(sensor: Sensor) -> str:
    return f"{sensor.quantity}_{sensor.place.lower()}" if sensor.place else sensor.quantity


def _point(firm: Firm, subject: Subject, s: Sensor) -> Point:
    quantity = content.get("quantities", s.quantity)
    place = f"-{s.place}" if s.place else ""
    ll, low, high, hh = s.limits
    return Point(
        subject=subject,
        code=f"{subject.code}-{s.tag}{place}",
        name=f"{subject.name} {s.title}",
        quantity=s.quantity,
        unit=quantity.unit,
        digits=quantity.digits,
        range_low=s.span[0],
        range_high=s.span[1],
        ll=ll,
        l=low,
        h=high,
        hh=hh,
        deadband=round((s.span[1] - s.span[0]) / 100, 4),
        on_delay_s=3,
        off_delay_s=10,
        facts={"place": s.place} if s.place else {},
        owner=f"{firm.name[:20]}仪表班",
        sample=True,
    )


def _accounts_file() -> Path:
    return Path(settings.DATA) / "demo_accounts.json"


def _people(
    home: Region, counties: list[places.County], planned: list[Firm], tops: list[Subject], rng: random.Random
) -> None:
    first = planned[0]
    employers = [
        people.Employer(f.number, t.pk, f.name, t.region, f.points > 0) for f, t in zip(planned, tops, strict=True)
    ]
    crew = people.staff(home.code, home.name, counties, employers,
                        (employers[0], first.county, first.county.town_of(first.grid), first.grid), rng)
    kept = _kept()
    suffix = f"_{home.code}" if kept else ""
    password = kept.get("password") or secrets.token_urlsafe(9)
    hired = people.hire(crew, password, suffix)
    people.roster(crew, hired)
    rows = kept.get("accounts", []) + [
        {
            "username": hired[s.username].username,
            "name": s.name,
            "role": s.role,
            "region": s.region,
            "subject": s.subject,
        }
        for s in crew.seats
    ]
    shown = [{"username": r["username"], "role": content.get("roles", r["role"]).title, "password": password}
             for r in rows if r["username"].removesuffix(suffix) in SHOWN]
    _keep({"password": password, "shown": shown, "accounts": rows})


def _kept() -> dict[str, Any]:
    """The accounts file of an earlier city in this deployment, {} for the first."""
    found: dict[str, Any] = json.loads(_accounts_file().read_text("utf8")) if _accounts_file().exists() else {}
    return found


def _keep(body: dict[str, Any]) -> None:
    """Write the accounts file whole, readable by the owner only."""
    fresh = _accounts_file().with_suffix(".new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf8") as f:
        json.dump(body, f, ensure_ascii=False, indent=1)
    fresh.replace(_accounts_file())
