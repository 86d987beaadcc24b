"""A mine that writes its files as a gathering client does: `python -m shouwang.drivers.coalmine.simulate FOLDER`."""

import argparse
import asyncio
import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from shouwang.kernel import clock

MINE, NAME = "620823009203", "测试煤矿"
POINTS = 12
PEOPLE = 85


def text(head: Sequence[str], records: Iterable[Sequence[str]], t: datetime) -> str:
    """A file of the national form."""
    return "".join(f"{';'.join(one)}~" for one in ([*head, spelled(t)], *records)) + "||"


def spelled(t: datetime) -> str:
    """A moment as the files have it, Chinese time."""
    return t.astimezone(clock.LOCAL).strftime("%Y-%m-%d %H:%M:%S")


def put(folder: Path, kind: str, t: datetime, content: str, mine: str = MINE) -> Path:
    """Write beside, then rename: nobody sees half a file."""
    path = folder / f"{mine}_{kind}_{t.astimezone(clock.LOCAL):%Y%m%d%H%M%S}.txt"
    beside = folder / f".{path.name}.part"
    beside.write_text(content, "utf8")
    beside.rename(path)
    return path


def point(n: int) -> str:
    """The code of the n-th methane sensor."""
    return f"{MINE}01MN0001{n:08d}"


def cdss(t: datetime, values: Sequence[tuple[str, int]]) -> str:
    """Real-time values of methane points: (value, status) each."""
    return text((MINE, NAME), [(point(n), "环境瓦斯", f"{n} 号工作面T1", value, "%CH4", str(status), spelled(t))
                               for n, (value, status) in enumerate(values, 1)], t)


def person(n: int, flag: int, area: int, t: datetime, state: str = "正常", leader: int = 0) -> tuple[str, ...]:
    """One line of RYSS."""
    here, at = f"{MINE}{area:04d}", spelled(t)
    return (f"{MINE}9{n:04d}", f"测试{n}", str(flag), at, at if flag == 2 else "", here, at, f"{here}{n:06d}", at,
            "三八制", "-3.50", state, str(leader), "0", f"{here}{n:06d}&{at}")


def ryss(t: datetime, people: Iterable[tuple[str, ...]]) -> str:
    """A full snapshot."""
    return text((MINE, NAME), people, t)


def tick(folder: Path, t: datetime, dice: random.Random) -> None:
    """What a mine writes at one moment: its points and its people."""
    put(folder, "CDSS", t, cdss(t, [(f"{max(0.0, dice.gauss(0.35, 0.1)):.2f}", 0) for _ in range(POINTS)]))
    below = dice.randint(PEOPLE // 2, PEOPLE)
    since = t - timedelta(hours=3)
    put(folder, "RYSS", t, ryss(t, [person(n, 1 if n <= below else 2, n % 7, since) for n in range(1, PEOPLE + 1)]))


async def run(folder: Path, every: float, count: int) -> None:
    """`count` moments (0 = for ever), `every` seconds apart."""
    dice, n = random.Random(MINE), 0
    while not count or n < count:
        tick(folder, clock.now(), dice)
        n += 1
        await asyncio.sleep(every)


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=float, default=15.0, help="seconds between files")
    parser.add_argument("--count", type=int, default=0, help="how many times; 0 = for ever")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(run(args.folder, args.every, args.count))


if __name__ == "__main__":
    main()
