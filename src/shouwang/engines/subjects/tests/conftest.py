"""A small cast: two counties with a town, 甲厂 in one and 乙厂 in the other, and who may edit what."""

from dataclasses import dataclass

import pytest

from shouwang.engines.subjects import credit_code
from shouwang.engines.subjects.models import Point, Region, Subject
from shouwang.kernel.models import Account, Grant

JIA, YI = credit_code.make("91370829MA9000001"), credit_code.make("91370830MA9000002")


@dataclass
class Cast:
    """甲厂 (嘉祥), 乙厂 (汶上), their tanks, and five people."""

    jia: Subject
    yi: Subject
    tank: Subject
    level: Point
    city: Account
    jiaxiang: Account  # county supervisor of 嘉祥
    coal: Account  # city supervisor for coal only
    manager: Account  # 甲厂's safety manager: sees, does not edit
    stranger: Account


def enterprise(code: str, name: str, region: str, line: str = "hazchem") -> Subject:
    """An enterprise that is its own top."""
    made = Subject.objects.create(kind="enterprise", code=code, name=name, region=region, line=line)
    made.top = made
    made.save()
    return made


def account(username: str, role: str = "", region: str = "", line: str = "", subject: int | None = None) -> Account:
    """An account, with one grant unless the role is blank."""
    made = Account.objects.create(username=username, name=username)
    if role:
        Grant.objects.create(account=made, role=role, region=region, line=line, subject=subject)
    return made


@pytest.fixture
def cast(db: None) -> Cast:
    shandong = Region.objects.create(code="37", name="山东省", tier="province")
    jining = Region.objects.create(code="3708", name="济宁市", tier="city", parent=shandong)
    jiaxiang = Region.objects.create(code="370829", name="嘉祥县", tier="county", parent=jining)
    Region.objects.create(code="370830", name="汶上县", tier="county", parent=jining)
    Region.objects.create(code="370829001", name="样例一街道", tier="town", parent=jiaxiang)
    jia, yi = enterprise(JIA, "甲厂", "370829001"), enterprise(YI, "乙厂", "370830")
    tank = Subject.objects.create(kind="tank", code="V101", name="V101 储罐", parent=jia, top=jia, region="370829001",
                                  line="hazchem")
    level = Point.objects.create(
        subject=tank,
        code="V101-LI",
        name="V101 液位",
        quantity="level",
        unit="%",
        digits=2,
        range_low=0,
        range_high=100,
        ll=10,
        l=15,
        h=85,
        hh=90,
        deadband=1,
        on_delay_s=3,
        off_delay_s=10,
    )
    return Cast(
        jia,
        yi,
        tank,
        level,
        account("city", "city_supervisor", "3708"),
        account("jiaxiang", "county_supervisor", "370829"),
        account("coal", "city_supervisor", "3708", line="coal"),
        account("manager", "safety_manager", "370829001", subject=jia.pk),
        account("stranger"),
    )
