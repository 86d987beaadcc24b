"""`shouwang decode PROTOCOL`: captured frames in, what they say out; one JSON line each."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from shouwang.drivers import configured
from shouwang.drivers.rows import Malformed
from shouwang.kernel.errors import BadInput

log = logging.getLogger(__name__)


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang decode`."""
    sub.add_argument("protocol", help="协议:" + "、".join(configured.protocols()))
    sub.add_argument("file", nargs="?", type=Path, help="JSON 行文件;不写则读标准输入")
    sub.add_argument("--json", action="store_true", help="结果总是 JSON 行,此项可省")


def run(args: argparse.Namespace) -> int:
    """Decode each line; a line that cannot be decoded is answered and the next one goes on."""
    decode = configured.decoder(args.protocol)
    try:
        with args.file.open("rb") if args.file else sys.stdin.buffer as lines:
            for told in answers(lines, decode):
                print(json.dumps(told, ensure_ascii=False), flush=True)
    except BrokenPipeError:  # who reads us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as wrong:
        raise BadInput(f"{args.file}: 读不了({wrong.strerror}),请核对路径") from None
    return 0


def answers(lines: Iterable[bytes], decode: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """One answer a line that is not empty."""
    for n, line in enumerate(lines, 1):
        if line.strip():
            yield answer(line, n, decode)


def answer(line: bytes, n: int, decode: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """{"id", "ok", "decode"} or {"id", "ok": false, "error"}."""
    try:
        item = json.loads(line)
        if not isinstance(item, dict):
            raise Malformed("每行应是一个 JSON 对象")
    except (ValueError, RecursionError) as wrong:
        return {"id": None, "ok": False, "error": f"第 {n} 行不是 JSON 对象: {wrong}"}
    try:
        return {"id": item.get("id"), "ok": True, "decode": decode(item)}
    except Malformed as wrong:
        return {"id": item.get("id"), "ok": False, "error": str(wrong)}
    except Exception as wrong:  # a fault of ours: this line is answered, the next ones go on
        log.exception("第 %d 行", n)
        return {"id": item.get("id"), "ok": False, "error": f"解码器内部错误: {wrong!r}"}
