"""A role in a region × line × enterprise, while the credential is valid: nothing more is seen or done."""

from datetime import date, datetime

import pytest

from shouwang.engines.subjects.models import Subject
from shouwang.kernel import access, clock, content
from shouwang.kernel.errors import NotAllowed
from shouwang.kernel.models import Account, Grant

pytestmark = pytest.mark.django_db


def someone(role: str, **grant) -> Account:
    account = Account.objects.create(username=f"{role}{Account.objects.count()}", name=role)
    Grant.objects.create(account=account, role=role, **grant)
    return account


@pytest.fixture
def firms():
    rows = [("甲厂", "370829001", "hazchem"), ("乙厂", "370811", "coal"), ("外地厂", "330211", "hazchem")]
    made = [Subject.objects.create(kind="enterprise", code=n, name=n, region=r, line=ln) for n, r, ln in rows]
    for firm in made:
        firm.top = firm
        firm.save()
    return made


def seen(account: Account) -> set[str]:
    return {s.name for s in Subject.objects.filter(access.scope(account, "subjects.see", line="line"))}


def test_regions_are_prefixes(firms):
    assert seen(someone("city_supervisor", region="3708")) == {"甲厂", "乙厂"}
    assert seen(someone("county_supervisor", region="370829")) == {"甲厂"}
    assert seen(someone("leader", region="")) == {"甲厂", "乙厂", "外地厂"}


def test_a_line_and_an_enterprise_narrow_further(firms):
    assert seen(someone("city_supervisor", region="3708", line="coal")) == {"乙厂"}
    assert seen(someone("safety_manager", subject=firms[0].pk)) == {"甲厂"}


def test_nothing_held_is_nothing_seen(firms):
    account = Account.objects.create(username="外人", name="外人")
    assert seen(account) == set()
    assert seen(None) == set()


def test_two_grants_add_up(firms):
    account = someone("safety_manager", subject=firms[0].pk)
    Grant.objects.create(account=account, role="safety_manager", subject=firms[2].pk)
    assert seen(account) == {"甲厂", "外地厂"}


@pytest.mark.parametrize(("until", "credential", "valid"), [
    (date(2026, 6, 1), "鲁A001", True), (date(2026, 5, 31), "鲁A001", False), (date(2026, 6, 1), "", False),
    (None, "鲁A001", False)])
def test_an_officer_needs_a_credential_valid_to_the_day(firms, until, credential, valid):
    officer = someone("officer", region="3708", valid_until=until, credential=credential)
    with clock.at(datetime(2026, 6, 1, 23, 59, tzinfo=clock.LOCAL)):
        assert access.may(officer, "subjects.see") is valid


def test_the_day_turns_at_local_midnight(firms):
    officer = someone("officer", region="3708", valid_until=date(2026, 6, 1), credential="鲁A001")
    with clock.at(datetime(2026, 6, 2, 0, 0, tzinfo=clock.LOCAL)):
        assert not access.may(officer, "subjects.see")


def test_a_grid_member_never_handles_verifies_or_inspects():
    may = set(content.get("roles", "grid_member").may)
    assert may.isdisjoint({"matters.handle", "matters.verify", "inspections.open", "papers.sign"})


def test_require_says_what_is_missing(firms):
    county = someone("county_supervisor", region="370829")
    access.require(county, "matters.verify", region="370829001", top=firms[0].pk)
    with pytest.raises(NotAllowed, match="核查销号"):
        access.require(county, "matters.verify", region="370811", top=firms[1].pk)


def test_an_account_switched_off_holds_nothing(firms):
    account = someone("city_supervisor", region="3708")
    account.is_active = False
    assert seen(account) == set()
