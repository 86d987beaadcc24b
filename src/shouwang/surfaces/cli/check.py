"""`shouwang check [FOLDER …]`: every declaration read and cross-checked, mistakes answered with file, item, remedy."""

import argparse
import json
from pathlib import Path

from shouwang import boot
from shouwang.kernel import content
from shouwang.kernel.errors import ContentError


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang check`."""
    sub.add_argument("folders", nargs="*", type=Path, help="包外的场景文件夹")
    sub.add_argument("--json", action="store_true", help="以 JSON 输出")


def run(args: argparse.Namespace) -> int:
    """Print the problems (exit 1) or one line of what was checked (exit 0)."""
    problems = look(args.folders)
    scenes, links = len(content.scenes), len(content.every("links"))
    if args.json:
        print(json.dumps({"ok": not problems, "problems": problems, "scenes": scenes, "links": links},
                         ensure_ascii=False))
    else:
        rules = len(content.every("rules"))
        print("\n".join(problems) or f"{scenes} 个场景,{rules} 条规则,{links} 条联动,没有发现问题")
    return int(bool(problems))


def look(folders: list[Path]) -> list[str]:
    """All problems of the shipped declarations plus these folders; a file that cannot be read is the only one told."""
    try:
        boot.boot(*folders)
    except ContentError as wrong:
        return [str(wrong)]
    return [p for check in boot.checks() for p in check()]
