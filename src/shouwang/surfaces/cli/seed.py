"""`shouwang seed CITY`: the generated city (样例) with a month behind it, once, into an empty data folder."""

import argparse
import json

from django.core.management import call_command

from shouwang.boot import boot
from shouwang.demo import city, month


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang seed`."""
    sub.add_argument("city", help="城市行政区划代码,如 370800")
    sub.add_argument("--enterprises", type=int, default=300)
    sub.add_argument("--points", type=int, default=17_001)
    sub.add_argument("--past", type=int, default=300, help="生成过去30天的预警件数,0 为不生成历史(默认 300)")
    sub.add_argument("--json", action="store_true", help="以 JSON 输出")


def run(args: argparse.Namespace) -> int:
    """Generate; a city that exists already is left as it is."""
    boot()
    call_command("migrate", verbosity=0)
    made = city.seed(args.city, enterprises=args.enterprises, points=args.points)
    lived = month.fill(args.city, args.past) if made.fresh and args.past else {}
    if args.json:
        print(json.dumps({"city": made.city, "name": made.name, "enterprises": made.enterprises, "points": made.points,
                          "fresh": made.fresh, **lived}, ensure_ascii=False))
    else:
        print(f"{made.name}(样例):企业 {made.enterprises} 家,点位 {made.points} 个"
              + (f",过去30天预警 {lived['alerts']} 件、已销号 {lived['closed']} 件" if lived else ""))
    return 0
