"""`shouwang`: one command, a verb each. Every verb is a module with `add` (its options) and `run`."""

import argparse
import importlib
import sys

from shouwang import __version__
from shouwang.kernel.errors import ShouwangError
from shouwang.surfaces.cli import lifeline
from shouwang.surfaces.cli.verbs import VERBS

WITHOUT_DJANGO = {"ingest", "history", "major_hazard", "new", "replay", "verify"}


def build() -> argparse.ArgumentParser:
    """The parser with every verb; a verb's module is imported only for its options and its run."""
    parser = argparse.ArgumentParser(prog="shouwang", description="守望:城市安全生产监管平台")
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def run() -> None:
    """Entry point of the `shouwang` command; errors the user can mend end with status 1 and one clear line."""
    lifeline.hold()
    parser = build()
    verbs = parser.add_subparsers(dest="verb", metavar="命令", required=True)
    asked = next((a for a in sys.argv[1:] if not a.startswith("-")), "")
    for verb, meaning in VERBS.items():
        name = verb.replace("_", "-")
        sub = verbs.add_parser(name, help=meaning, description=meaning)
        if asked == name:
            if verb not in WITHOUT_DJANGO:
                importlib.import_module("shouwang.boot").setup()
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
