"""The demo city: exact, repeatable, plausible, marked as sample, and usable by every role."""

import json
import stat
from pathlib import Path

import pytest
from shapely.geometry import Point as Place

from shouwang.demo import city, firms, instruments, tokens
from shouwang.demo.city import Seeded
from shouwang.engines.notify import roster
from shouwang.engines.notify.models import Post
from shouwang.engines.rules import plan
from shouwang.engines.subjects import credit_code, limits, regions, shapes
from shouwang.engines.subjects.models import Point, Region, Subject
from shouwang.engines.telemetry.models import Channel, Source
from shouwang.kernel import access, content
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Account, Grant


def test_exactly_what_was_asked_and_all_of_it_sample(small: Seeded) -> None:
    assert (small.enterprises, small.points, small.fresh) == (20, 300, True)
    assert Point.objects.count() == Channel.objects.count() == 300
    assert Subject.objects.filter(kind="enterprise").count() == 20
    for model in (Subject, Point, Source, Account, Post):
        assert not model.objects.filter(sample=False).exists(), model
    kinds = {k.id for k in content.every("kinds")}
    assert set(Subject.objects.values_list("kind", flat=True)) <= kinds
    assert {"tank", "gas_detector", "major_hazard", "mine", "working_face", "camera", "person"} <= set(
        Subject.objects.values_list("kind", flat=True))


def test_enterprises_lie_inside_their_county_with_codes_never_issued(small: Seeded) -> None:
    for firm in Subject.objects.filter(kind="enterprise"):
        outline = shapes.outline(firm.region[:6])
        assert outline is not None
        assert outline.covers(Place(firm.lon or 0, firm.lat or 0))
        assert firm.name.endswith("）")
        assert "（样例" in firm.name
        assert credit_code.valid(firm.code)
        body = firm.code[8:17]
        right = (
            11 - sum(firms.credit_digit(c) * w for c, w in zip(body[:8], firms.ORGANISATION, strict=True)) % 11
        ) % 11
        assert body[8] != (str(right) if right < 10 else "X")


def test_parents_fit_their_kind_and_everything_has_its_enterprise(small: Seeded) -> None:
    for s in Subject.objects.exclude(kind="enterprise").select_related("parent", "top"):
        under = next(k for k in content.every("kinds") if k.id == s.kind).under
        assert s.parent is not None
        assert s.parent.kind in under
        assert s.parent.top_id == s.top_id
        assert (s.top.region if s.top else "") == s.region


def test_points_pass_the_rules_of_the_registry(small: Seeded) -> None:
    for p in Point.objects.all():
        quantity = content.get("quantities", p.quantity)
        assert p.unit == quantity.unit
        limits.check({n: getattr(p, n) for n in limits.NAMES}, p.range_low, p.range_high, p.deadband, p.digits)
    places = {x.id for x in content.every("places")}
    methane = Point.objects.filter(quantity="methane")
    assert methane.exists()
    assert {p.facts["place"] for p in methane} <= places


def test_major_hazards_are_graded_by_the_standard(small: Seeded) -> None:
    units = Subject.objects.filter(kind="major_hazard")
    assert units.exists()
    for unit in units:
        assert unit.facts["s"] >= 1
        assert unit.facts["grade"] in {"1", "2", "3", "4"}


def test_every_point_can_be_judged(small: Seeded, data: Path) -> None:
    version = plan.compile_plan()
    words = json.loads((plan.root() / str(version) / "rules.json").read_text("utf8"))
    assert words["unjudged"] == []


def test_again_changes_nothing(small: Seeded) -> None:
    again = city.seed("3708", enterprises=20, points=300)
    assert (again.fresh, again.enterprises, again.points) == (False, 20, 300)
    assert Point.objects.count() == 300


@pytest.mark.django_db
def test_the_same_seed_gives_the_same_city(data: Path) -> None:
    def look() -> list[tuple[object, ...]]:
        return list(
            Point.objects.order_by("code").values_list(
                "code", "h", "subject__name", "subject__top__name", "subject__lon"
            )
        )

    city.seed("370800", enterprises=20, points=300)
    first = look()
    for model in (Channel, Source, Point, Grant):
        model.objects.all().delete()
    Post.objects.all().delete()
    Account.objects.all().delete()
    Subject.objects.update(parent=None, top=None)
    Subject.objects.all().delete()
    city.seed("370800", enterprises=20, points=300)
    assert look() == first


def test_every_role_has_an_account_that_works(small: Seeded, data: Path) -> None:
    file = data / "demo_accounts.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = json.loads(file.read_text("utf8"))
    assert {r.id for r in content.every("roles")} <= {a["role"] for a in kept["accounts"]}
    assert {"shi", "xian", "qiye", "zhifa", "zhenzhiban"} <= {a["username"] for a in kept["shown"]}
    shi = Account.objects.get(username="shi")
    assert shi.check_password(kept["password"])
    assert access.may(shi, "wall.see")
    assert access.may(Account.objects.get(username="zhifa"), "matters.see")  # its credential is valid
    qiye = Account.objects.get(username="qiye")
    assert len({s.top_id for s in Subject.objects.filter(access.scope(qiye, "subjects.see"))}) == 1
    assert kept["password"] not in Path(city.__file__).read_text("utf8")


def test_the_shown_enterprise_is_under_the_named_officials(small: Seeded) -> None:
    firm = Subject.objects.get(pk=Grant.objects.get(account__username="qiye").subject)
    for username in ("xian", "zhen", "wangge", "shi"):
        assert firm.region.startswith(Grant.objects.get(account__username=username).region), username
    assert Point.objects.filter(subject__top=firm, quantity="level").exists()


def test_every_desk_is_manned_now(small: Seeded) -> None:
    counties = Region.objects.filter(tier="county", code__startswith="3708")
    wanted = [("city_duty", "3708", None), *(("county_duty", c.code, None) for c in counties if shapes.outline(c.code))]
    wanted += [("town_duty", t.code, None) for t in Region.objects.filter(tier="town")]
    wanted += [
        ("operator", s.enterprise.region, s.enterprise_id)
        for s in Source.objects.select_related("enterprise")
        if s.enterprise
    ]
    for role, region, top in wanted:
        post = roster.post_for(role, region, top)
        assert post is not None, (role, region)
        assert roster.on_duty(post), (role, region)


def test_tokens_match_what_the_simulator_derives(small: Seeded, data: Path) -> None:
    key = tokens.secret(data)
    for source in Source.objects.all():
        assert source.token_hash == tokens.hash_of(tokens.token_of(key, source.name))
    assert stat.S_IMODE((data / "demo_secret").stat().st_mode) == 0o600


def test_readings_rest_well_inside_their_limits(small: Seeded) -> None:
    what = instruments.load()
    assert len(what) == 300
    for n in range(len(what)):
        ll, low, high, _ = what.limits[n]
        assert what.low[n] <= what.rest[n] <= what.high[n]
        assert not low >= what.rest[n] - 6 * what.spread[n], what.id[n]
        assert not high <= what.rest[n] + 6 * what.spread[n], what.id[n]
        assert not ll >= what.rest[n]


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["441900", "110000"])
def test_a_city_without_counties_and_a_municipality(code: str, data: Path) -> None:
    made = city.seed(code, enterprises=12, points=80)
    assert made.points == 80
    assert Subject.objects.filter(kind="enterprise", region__startswith=regions.normalise(code)).count() == 12


@pytest.mark.django_db
def test_a_second_city_gets_accounts_of_its_own(small: Seeded, data: Path) -> None:
    city.seed("441900", enterprises=12, points=80)
    assert Account.objects.filter(username="shi_4419").exists()
    kept = json.loads((data / "demo_accounts.json").read_text("utf8"))
    assert {"shi", "shi_4419"} <= {a["username"] for a in kept["shown"]}


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["370829", "999999", "37"])
def test_what_is_no_city_is_refused(code: str, data: Path) -> None:
    with pytest.raises(BadInput):
        city.seed(code, enterprises=12, points=80)
    assert not Subject.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(("enterprises", "points"), [(5, 300), (20, 10)])
def test_sizes_that_cannot_be(enterprises: int, points: int, data: Path) -> None:
    with pytest.raises(BadInput):
        city.seed("370800", enterprises=enterprises, points=points)
