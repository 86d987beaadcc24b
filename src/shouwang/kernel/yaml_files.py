"""YAML files as plain Python, read once, with errors that name file and line. No Django, no schemas here."""

from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from .errors import ContentError

FORBIDDEN_KEYS = {"on", "off", "yes", "no"}


def read_yaml(path: Path) -> Any:
    """A YAML 1.2 file as plain Python; syntax errors name file and line."""
    return deepcopy(_parse(path, path.stat().st_mtime_ns))


@lru_cache(maxsize=512)
def _parse(path: Path, _mtime: int) -> Any:
    try:
        loaded = YAML(typ="safe", pure=True).load(path.read_text("utf8"))
    except YAMLError as wrong:
        raise ContentError(f"{path}: YAML 写法有误:{wrong}") from None
    _refuse_keys(loaded, path)
    return loaded


def _refuse_keys(node: Any, path: Path) -> None:
    if isinstance(node, dict):
        for key, below in node.items():
            if str(key).lower() in FORBIDDEN_KEYS or isinstance(key, bool):
                raise ContentError(f"{path}: 键名不能用 {key!r}(YAML 会读成真假值),请换一个词")
            _refuse_keys(below, path)
    elif isinstance(node, list):
        for below in node:
            _refuse_keys(below, path)
