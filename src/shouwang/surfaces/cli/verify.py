"""`shouwang verify FILE`: is an evidence file, to the byte, what was exported? Needs no database and no network."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from shouwang.engines.rules import chain
from shouwang.kernel.errors import BadInput


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang verify`."""
    sub.add_argument("file", type=Path, help="证据文件(shouwang evidence 或预警页“导出证据”所得)")
    sub.add_argument("--json", action="store_true", help="以 JSON 输出")


def run(args: argparse.Namespace) -> int:
    """Status 0 when the file holds, else 1 with the first broken record."""
    try:
        found = chain.verify(args.file.read_bytes())
    except OSError as wrong:
        raise BadInput(f"{args.file}: 读不了({wrong.strerror}),请核对路径") from None
    print(json.dumps(asdict(found), ensure_ascii=False) if args.json else told(found))
    return 0 if found.ok else 1


def told(found: chain.Verdict) -> str:
    """The verdict in a sentence."""
    if not found.ok:
        return f"不完好:{found.told}"
    counts = ",".join(f"{name} {n} 条" for name, n in zip(chain.LISTS.values(), found.counts, strict=True))
    return (f"完好:报警 A{found.alert},{counts},自导出以来一字节未改。\n"
            f"印记 {found.seal}\n要证明它确由本系统导出,请与审计记录“导出了报警证据”里的印记核对。")
