"""`shouwang messages`: the English of the screens, checked for holes and compiled from .po to .mo."""

import argparse
import ast
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize
from pydantic import BaseModel

from shouwang.boot import PACKAGE, boot
from shouwang.kernel import content
from shouwang.kernel.yaml_files import read_yaml

LOCALES = PACKAGE / "locale"
KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "_": None, "gettext": None, "gettext_lazy": None, "gettext_noop": None, "ngettext": (1, 2), "ngettext_lazy": (1, 2)}
CHINESE = re.compile(r"[一-鿿]")
LOOK_UP = re.compile(r"\b_\((?!\s*[\"'f\[\\])")  # _(TABLE[key]): the words stand in a table
LOOKED_UP = ("drivers/reasons.py", "kernel/orders.py")  # tables that pages translate
TITLED = ("permissions", "roles", "levels", "kinds", "quantities", "places", "rules", "flows")


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang messages`."""
    sub.add_argument("--missing", action="store_true", help="只列出还没有英文的界面文本")
    sub.add_argument("--json", action="store_true", help="以 JSON 输出")


def run(args: argparse.Namespace) -> int:
    """Compile every .po (exit 0), or list what has no English (exit 1 when there is any)."""
    if not args.missing:
        compiled = compile_all()
        print(json.dumps({"compiled": compiled}) if args.json else f"已编译界面文本:{'、'.join(compiled)}")
        return 0
    boot()
    lacking = missing()
    lines = [f"{place}: {words}" for words, place in lacking.items()]
    print(json.dumps(lacking, ensure_ascii=False) if args.json else "\n".join(lines) or "没有缺漏")
    return int(bool(lacking))


def compile_all() -> list[str]:
    """Every language's django.mo written beside its django.po; returns the language codes."""
    done = []
    for po in sorted(LOCALES.glob("*/LC_MESSAGES/django.po")):
        fresh = io.BytesIO()
        write_mo(fresh, catalog(po))
        po.with_suffix(".mo").write_bytes(fresh.getvalue())
        done.append(po.parents[1].name)
    return done


def catalog(po: Path) -> Catalog:
    """The hand-kept file, read; a broken one stops with its line."""
    with po.open("rb") as f:
        return read_po(f, abort_invalid=True)


def missing() -> dict[str, str]:
    """Words on screens that have no English yet: words → where they stand."""
    known = {m.id if isinstance(m.id, str) else m.id[0]: m.string for m in
             catalog(LOCALES / "en" / "LC_MESSAGES" / "django.po") if m.id}
    return {w: p for w, p in msgids().items() if not _said(known.get(w))} | dict(untitled())


def _said(string: object) -> bool:
    return all(string) if isinstance(string, (tuple, list)) and string else bool(string)


def msgids() -> dict[str, str]:
    """Every message id of templates and Python, with one place where it stands."""
    found: dict[str, str] = {}
    for path in sorted([*PACKAGE.rglob("*.html"), *PACKAGE.rglob("*.py")]):
        if "tests" in path.parts or path == Path(__file__):
            continue
        for line, words in _in_file(path):
            found.setdefault(words, f"{path.relative_to(PACKAGE)}:{line}")
    return found


def _in_file(path: Path) -> Iterator[tuple[int, str]]:
    text = path.read_text("utf8")
    if path.suffix == ".html":
        text = templatize(text, origin=str(path))
    for line, words, *_rest in extract("python", io.BytesIO(text.encode()), keywords=KEYWORDS):
        yield line, words if isinstance(words, str) else words[0]
    if path.suffix == ".py":
        tree = ast.parse(text)
        yield from _meanings(tree)
        if str(path.relative_to(PACKAGE)) in LOOKED_UP or LOOK_UP.search(text):
            yield from _tables(tree)


def _meanings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What `events.declares(name="…")` says of each event: the audit page shows it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "declares":
            values = [k.value for k in node.keywords]
            yield from ((v.lineno, str(v.value)) for v in values if isinstance(v, ast.Constant))


def _tables(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Chinese values of module-level word tables (`NAMES = {…}`) without an English twin (`NAMES_EN`)."""
    found = {_name(node): node.value for node in tree.body
             if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict)}
    for name, table in found.items():
        for value in table.values if f"{name}_EN" not in found else ():
            if isinstance(value, ast.Constant) and CHINESE.search(str(value.value)):
                yield value.lineno, str(value.value)


def _name(node: ast.Assign | ast.AnnAssign) -> str:
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    return target.id if isinstance(target, ast.Name) else ""


def untitled() -> Iterator[tuple[str, str]]:
    """Declared titles without English in the shipped catalogue, scenes and params."""
    for kind in TITLED:
        for spec in content.every(kind):
            yield from _lacking(spec, f"{kind} {spec.key}")
    for scene in content.scenes.values():
        yield from _lacking(scene, f"scene {scene.id}")
    files = [*PACKAGE.glob("scenes/*/params.yaml"), *PACKAGE.glob("localities/*/*.yaml")]
    for file in files:
        for name, body in (read_yaml(file) or {}).items():
            if not (body.get("title") and body.get("title_en")):
                yield body.get("title", name), f"{file.relative_to(PACKAGE)} {name}"


def _lacking(item: object, where: str) -> Iterator[tuple[str, str]]:
    """Titles at any depth of a declared item: acts, states, fields, options."""
    title = getattr(item, "title", "")
    if CHINESE.search(str(title)) and not getattr(item, "title_en", ""):
        yield title, where
    options = getattr(item, "options", None) or {}
    if set(options) - set(getattr(item, "options_en", {})):
        yield "、".join(options.values()), f"{where} options"
    for name, below in vars(item).items() if hasattr(item, "__dict__") else ():
        rows = below.values() if isinstance(below, dict) else below if isinstance(below, list) else ()
        for row in rows:
            if isinstance(row, BaseModel):
                yield from _lacking(row, f"{where}.{name}")
