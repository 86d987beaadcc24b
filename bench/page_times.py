"""Server time of every main page and API list at demo size, by role: one command, JSON on standard output.

The product runs beside it (17,001 points reporting each 5 s), so live values, new alerts and locks are real. Requests
go through the whole middleware in this process: no network, no browser. Beside the wall clock stands the processor time
of the request, which other work on the machine changes little, and the number of database queries.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from product import machine, running

GOAL_MS = 100.0
ROLES = ("shi", "xian", "zhen", "qiye", "yunwei")
# {…} is filled with the row a role would look at; a page a role may not open is left out of its column.
PAGES = (
    "/", "/wall/", "/wall/map.json?region=3708", "/wall/enterprises.json?region=3708",
    "/wall/summary.json?region=3708", "/wall/enterprise/{firm}.json",
    "/warnings/", "/warnings/?state=closed", "/warnings/{alert}/", "/matters/", "/matters/{matter}/", "/notices/",
    "/subjects/", "/subjects/{firm}/", "/subjects/{firm}/live/", "/points/{point}/", "/points/{point}/live/",
    "/points/{point}/series.json", "/accounts/", "/accounts/{account}/", "/params/", "/rosters/", "/rosters/{post}/",
    "/ingest/", "/ingest/numbers/", "/ingest/guide/", "/audit/", "/imports/", "/regions/", "/password/", "/tokens/",
    "/alarm-kpis/", "/backtest/",
    "/api/docs", "/api/openapi.json", "/healthz", "/metrics",
    "/api/v1/alerts/", "/api/v1/alerts/counts", "/api/v1/alerts/trend", "/api/v1/alerts/regions", "/api/v1/alerts/kpis",
    "/api/v1/alerts/{alert}/evidence",
    "/api/v1/alerts/{alert}", "/api/v1/alerts/{alert}/changes", "/api/v1/matters", "/api/v1/matters/{matter}",
    "/api/v1/matters/{matter}/timeline", "/api/v1/notices", "/api/v1/notices/count", "/api/v1/posts",
    "/api/v1/rosters/gaps", "/api/v1/regions", "/api/v1/subjects",
    "/api/v1/subjects/{firm}", "/api/v1/subjects/{firm}/points", "/api/v1/points", "/api/v1/points/{point}",
    "/api/v1/latest?points={point}", "/api/v1/points/{point}/series", "/api/v1/sources", "/api/v1/ingest/health",
)


def main() -> None:
    """Measure and print one JSON object; status 1 when a page is over the goal by its processor time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--city", type=Path, help="a seeded data folder to copy, instead of generating one")
    parser.add_argument("--settle", type=float, default=20, help="seconds of running city before the first page")
    parser.add_argument("--only", default="", help="pages whose address contains this")
    args = parser.parse_args()
    with running(args.city) as product:
        time.sleep(args.settle)
        os.environ["SHOUWANG_DATA"] = str(product.folder)
        told = measure(args)
    print(json.dumps(told, ensure_ascii=False, indent=1))
    sys.exit(bool(told["over_goal"]))


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Every page as every role that may open it."""
    from shouwang.boot import boot

    boot()
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["*"]
    pages = {page: dict(by_role(page, args.times)) for page in PAGES if args.only in page}
    slow = {page: worst for page, roles in pages.items()
            if roles and (worst := max(r["cpu_ms"] for r in roles.values())) > GOAL_MS}
    return {"machine": machine(), "load_average": os.getloadavg(), "times": args.times, "goal_ms": GOAL_MS,
            "size": size(), "over_goal": slow, "unopened": [p for p, roles in pages.items() if not roles],
            "pages": pages}


def by_role(page: str, times: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Role's account → what the page cost; nothing where it may not be opened."""
    from django.test import Client

    from shouwang.kernel.models import Account

    for name in ROLES:
        client, account = Client(), Account.objects.get(username=name)
        client.force_login(account, "shouwang.surfaces.console.login.LockingBackend")
        address = page.format(**rows(account))
        if client.get(address).status_code == 200:  # and warm
            yield name, cost(client, address, times)


def rows(account: Any) -> dict[str, int]:
    """One row of each kind within the account's reach."""
    from shouwang.engines.flows.models import Matter
    from shouwang.engines.notify.models import Post
    from shouwang.engines.rules.models import Alert
    from shouwang.engines.subjects.models import Point
    from shouwang.kernel import access

    newest = Alert.objects.order_by("-id")
    alert = newest.filter(access.scope(account, "alerts.see")).first() or newest[0]
    matter = Matter.objects.filter(about=f"alert:{alert.pk}").first() or Matter.objects.latest("id")
    point = Point.objects.filter(subject__top=alert.top_id).order_by("id").first()
    return {"alert": alert.pk, "matter": matter.pk, "firm": alert.top_id, "point": point.pk if point else 0,
            "account": account.pk, "post": Post.objects.order_by("id").values_list("id", flat=True)[0]}


def cost(client: Any, address: str, times: int) -> dict[str, float]:
    """Median and worst wall ms, median processor ms, queries and bytes of a page."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    wall, cpu = [], []
    for _ in range(times):
        began, used = time.perf_counter(), time.process_time()
        reply = client.get(address)
        wall.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - used) * 1000)
    with CaptureQueriesContext(connection) as asked:
        reply = client.get(address)
    return {"median_ms": round(statistics.median(wall), 1), "max_ms": round(max(wall), 1),
            "cpu_ms": round(statistics.median(cpu), 1), "queries": len(asked), "bytes": len(reply.content)}


def size() -> dict[str, int]:
    """What the city holds."""
    from shouwang.engines.flows.models import Matter
    from shouwang.engines.rules.models import Alert
    from shouwang.engines.subjects.models import Point, Subject

    return {"enterprises": Subject.objects.filter(kind="enterprise").count(), "points": Point.objects.count(),
            "alerts": Alert.objects.count(), "matters": Matter.objects.count()}


if __name__ == "__main__":
    main()
