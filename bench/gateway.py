"""A measuring gateway in an existing data folder: return airways of a sample mine, one methane point each.

Usage: SHOUWANG_DATA=… python bench/gateway.py 40   → prints {"token": …, "enterprise": …}
"""

import json
import sys

from shouwang.boot import boot

boot()

from shouwang.engines.subjects import credit_code  # noqa: E402  after boot: models need Django ready
from shouwang.engines.subjects.models import Point, Region, Subject  # noqa: E402
from shouwang.engines.telemetry import credentials  # noqa: E402
from shouwang.engines.telemetry.models import Channel  # noqa: E402


def make(points: int) -> dict[str, object]:
    """The mine, its airways 测量000 …, methane points at place T2 (alarm and cut 1.0, no delay), and the token."""
    county = Region.objects.filter(tier="county").exclude(lon=None).order_by("code").first()
    beside = Subject.objects.filter(kind="enterprise").exclude(lon=None).order_by("id").first()
    region = beside.region if beside else county.code if county else "370829"
    mine = Subject.objects.create(kind="enterprise", code=credit_code.make("9137082900000BEN0"), name="测量矿(样例)",
                                  region=region, line="coal", sample=True, lon=beside.lon if beside else None,
                                  lat=beside.lat if beside else None)
    Subject.objects.filter(pk=mine.pk).update(top=mine)
    source, token = credentials.make_source("bench-gateway", "gateway", mine, sample=True)
    for n in range(points):
        name = f"测量{n:03d}"
        airway = Subject.objects.create(kind="airway", code=f"bench-{n:03d}", name=name, parent=mine, top=mine,
                                        region=region, line="coal", sample=True)
        point = Point.objects.create(subject=airway, code=f"BENCH-{n:03d}", name=f"{name}甲烷", quantity="methane",
                                     unit="%CH4", digits=2,
                                     range_low=0, range_high=4, facts={"place": "T2"}, sample=True)
        Channel.objects.create(point=point, source=source, device=name, key="methane")
    return {"token": token, "enterprise": mine.pk}


if __name__ == "__main__":
    print(json.dumps(make(int(sys.argv[1]))))
