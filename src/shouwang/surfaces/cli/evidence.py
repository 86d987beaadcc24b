"""`shouwang evidence`: the evidence of one alert as a file that verifies itself, or a look at the whole journal."""

import argparse
import re
from pathlib import Path

from shouwang.boot import boot
from shouwang.engines.rules import chain, evidence
from shouwang.engines.rules.models import Alert, AlertChange
from shouwang.kernel.errors import BadInput


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang evidence`."""
    what = sub.add_mutually_exclusive_group(required=True)
    what.add_argument("alert", nargs="?", help="报警编号,如 A12 或 12")
    what.add_argument("--journal", action="store_true", help="不导出,核对库里全部报警的变化记录")
    sub.add_argument("--out", type=Path, help="写到哪个文件;不写则为 evidence-A12.json")


def run(args: argparse.Namespace) -> int:
    """Export one alert's evidence, or check every journal; a broken journal is status 1."""
    boot()
    return _check() if args.journal else _export(args.alert, args.out)


def _export(which: str, out: Path | None) -> int:
    pk = re.fullmatch(r"[Aa]?(\d{1,18})", which)
    alert = Alert.objects.select_related("point", "subject", "top").filter(pk=int(pk[1])).first() if pk else None
    if alert is None:
        raise BadInput(f"没有报警 {which!r};编号见预警页,写法如 A12")
    path = out or Path(f"evidence-A{alert.pk}.json")
    content = evidence.export(alert, "cli")
    try:
        path.write_bytes(content)
    except OSError as wrong:
        raise BadInput(f"写不了 {path}({wrong.strerror}),请换一个可写的位置") from None
    print(f"已导出 {path}({len(content)} 字节),印记 {chain.verify(content).seal},已记入审计")
    return 0


def _check() -> int:
    broken = list(evidence.broken_lines())
    for line, why in broken:
        print(f"A{line.alert_id} 第 {line.place} 条({line.kind},记录号 {line.pk}){why}")
    missing = list(evidence.missing_lines())
    for alert, kind, n in missing:
        print(f"A{alert} 缺 {n} 条 {kind} 记录:审计事件里有,变化记录里没有")
    bad = {line.alert_id for line, _why in broken} | {alert for alert, _kind, _n in missing}
    print(f"{AlertChange.objects.count()} 条变化记录," + (f"{len(bad)} 条报警的记录不完好" if bad else "全部完好"))
    return 1 if bad else 0
