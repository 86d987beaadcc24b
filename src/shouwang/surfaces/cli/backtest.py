"""`shouwang backtest RULES.yaml`: a change of rules or limits run over the recorded history, before it goes live."""

import argparse
import json
from pathlib import Path

from shouwang.boot import boot
from shouwang.engines.rules import backtest, change, kpis
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput
from shouwang.surfaces import comparison


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang backtest`."""
    sub.add_argument("rules", type=Path, help="YAML:一组规则(同 rules.yaml),或 params(参数: 值)、points(位号: {h: 80})")
    sub.add_argument("--since", default="30d", help="回放多长的历史,如 30d、12h(默认 30d)")
    sub.add_argument("--region", default="", help="只看一个属地(代码前缀)")
    sub.add_argument("--json", action="store_true", help="以 JSON 输出")


def run(args: argparse.Namespace) -> int:
    """Replay and print; nothing is written."""
    boot()
    try:
        text, length = args.rules.read_text("utf8"), clock.span(args.since)
    except (OSError, UnicodeDecodeError) as wrong:
        raise BadInput(f"{args.rules}: 读不了({wrong}),请核对路径与编码(UTF-8)") from None
    except ValueError as wrong:
        raise BadInput(str(wrong)) from None
    span = kpis.Span(clock.now() - length, clock.now())
    found = backtest.run(change.parsed(text), span, region=args.region)
    told = comparison.told(found)
    print(json.dumps(told, ensure_ascii=False, indent=1) if args.json else "\n".join(_lines(found)))
    return 0


def _lines(found: backtest.Tested) -> list[str]:
    since, until = (m.astimezone(clock.LOCAL) for m in (found.span.since, found.span.until))
    out = [f"回放 {since:%Y-%m-%d %H:%M} – {until:%Y-%m-%d %H:%M},规则 {'、'.join(found.rules)}",
           f"点位 {found.points} 个(其中 {found.unheard} 个这段时间没有读数,未判),读数 {found.readings:,} 个", "",
           "\t".join(("指标", *comparison.SIDES.values()))]
    out += ["\t".join((line.title, *map(_number, line.values))) for line in comparison.lines(found)]
    out += ["", "每岗位每天的报警\t现行\t试行"]
    desks = [f"{d.name}\t{d.now:.2f}\t{d.tried:.2f}" for d in comparison.desks(found)]
    out += desks or ["(两边都没有报警,或没有值守岗位)"]
    return out + ([f"有 {len(found.unjudged)} 处不能研判,第一处:{found.unjudged[0]}"] if found.unjudged else [])


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")
