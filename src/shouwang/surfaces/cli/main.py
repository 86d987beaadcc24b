"""`shouwang`: one command, a verb each. Every verb is a module with `add` (its options) and `run`."""

import argparse
import importlib
import sys

from shouwang import __version__
from shouwang.kernel.errors import ShouwangError

VERBS = {
    "up": "启动守望(接入、研判、网页、历史,演示城市)",
    "check": "检查全部声明(场景、目录、联动),并给出改法",
    "explain": "解释一条报警、事项、事件或规则的来龙去脉",
    "new": "生成新场景的骨架",
    "replay": "把记录文件当作网关经 MQTT 重放",
    "major_hazard": "按 GB 18218-2018 辨识并分级",
    "ingest": "接入进程(由 up 启动)",
    "beat": "研判落库与时限进程(由 up 启动)",
    "web": "网页进程(由 up 启动)",
    "history": "历史归档进程(由 up 启动)",
    "simulate": "演示城市的模拟网关(由 up 启动)",
    "seed": "生成演示城市(由 up 启动)",
    "messages": "编译英文界面文本",
}


def build() -> argparse.ArgumentParser:
    """The parser with every verb; a verb's module is imported only for its options and its run."""
    parser = argparse.ArgumentParser(prog="shouwang", description="守望:城市安全生产监管平台")
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def run() -> None:
    """Entry point of the `shouwang` command; errors the user can mend end with status 1 and one clear line."""
    parser = build()
    verbs = parser.add_subparsers(dest="verb", metavar="命令", required=True)
    asked = next((a for a in sys.argv[1:] if not a.startswith("-")), "")
    for verb, meaning in VERBS.items():
        name = verb.replace("_", "-")
        sub = verbs.add_parser(name, help=meaning, description=meaning)
        if asked == name:
            module = importlib.import_module(f"shouwang.surfaces.cli.{verb}")
            module.add(sub)
            sub.set_defaults(run=module.run)
    args = parser.parse_args()
    try:
        sys.exit(args.run(args))
    except ShouwangError as wrong:
        print(f"错误:{wrong}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
