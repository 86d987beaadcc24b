"""`shouwang seed CITY`: the generated city (样例), once, into an empty data folder."""

import argparse

from shouwang.boot import boot
from shouwang.demo import city


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang seed`."""
    sub.add_argument("city", help="城市行政区划代码,如 370800")
    sub.add_argument("--enterprises", type=int, default=300)
    sub.add_argument("--points", type=int, default=17_001)


def run(args: argparse.Namespace) -> int:
    """Generate; a city that exists already is left as it is."""
    boot()
    city.seed(args.city, enterprises=args.enterprises, points=args.points)
    return 0
