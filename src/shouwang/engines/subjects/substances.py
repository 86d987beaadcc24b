"""The tables of GB 18218-2018: named substances, hazard classes, toxic gases, α and grades. No Django here."""

import csv
import difflib
import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from shouwang.kernel.errors import BadInput
from shouwang.kernel.yaml_files import read_yaml

FOLDER = Path(__file__).parents[2] / "catalog" / "gb18218"


@dataclass(frozen=True)
class Named:
    """A row of Table 1; `beta` from Table 3 where the gas is listed there, `symbol` the class suggested otherwise."""

    seq: int
    name: str
    quantity: Fraction  # Q, t
    beta: Fraction | None
    symbol: str
    mark: str  # V Table 3; M class suggested from memory; "" the user must give the class


@dataclass(frozen=True)
class HazardClass:
    """A row of Tables 2 and 4."""

    symbol: str
    title: str
    quantity: Fraction  # Q, t
    beta: Fraction


def fold(name: str) -> str:
    """One spelling for brackets, widths, blanks and case, so that 液氨 (全角) and half width meet."""
    text = unicodedata.normalize("NFKC", name).lower()
    return re.sub(r"\s+", "", text).replace("[", "(").replace("]", ")").replace(";", ",").replace("、", ",")


def _rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf8", newline="") as f:
        return list(csv.DictReader(f))


@lru_cache(maxsize=1)
def named() -> list[Named]:
    """Table 1 in the order of the standard, 85 rows."""
    return [_named(r) for r in _rows("named.csv")]


def _named(r: dict[str, str]) -> Named:
    return Named(int(r["seq"]), r["name"], Fraction(r["q_t"]), Fraction(r["beta3"]) if r["beta3"] else None,
                 r["symbol"], r["mark"])


@lru_cache(maxsize=1)
def _by_name() -> dict[str, list[Named]]:
    found: dict[str, list[Named]] = {}
    for r in _rows("named.csv"):
        for word in {fold(w) for w in (r["name"], r["name_en"], *r["alias"].split(";")) if w}:
            found.setdefault(word, []).append(_named(r))
    return found


@lru_cache(maxsize=1)
def classes() -> dict[str, HazardClass]:
    """Tables 2 and 4 by class symbol, 24 rows."""
    return {r["symbol"]: HazardClass(r["symbol"], f"{r['category']}:{r['criterion']}", Fraction(r["q_t"]),
                                     Fraction(r["beta"])) for r in _rows("classes.csv")}


@lru_cache(maxsize=1)
def toxic_gases() -> dict[str, Fraction]:
    """Table 3: β by folded name, 14 gases."""
    return {fold(word): Fraction(r["beta"]) for r in _rows("toxic_gases.csv") for word in (r["name"], r["name_en"])}


@lru_cache(maxsize=1)
def grading() -> dict[str, Any]:
    """α, grades and the policy where the standard is silent."""
    return dict(read_yaml(FOLDER / "grading.yaml"))


def find(name: str) -> Named | None:
    """The Table-1 row of a name or alias; None when there is none; BadInput when a qualifier must tell which."""
    word = fold(name)
    hits = _by_name().get(word, [])
    if not hits:
        hits = [n for n in named() if "(" in fold(n.name) and fold(n.name).split("(")[0] == word]
        if hits:
            raise BadInput(f"“{name}”在表1中要写明限定条件,请选:{'、'.join(n.name for n in hits)}")
        return None
    if len(hits) > 1:
        raise BadInput(f"“{name}”在表1中有 {len(hits)} 行,请写全名:{'、'.join(n.name for n in hits)}")
    return hits[0]


def nearest(name: str) -> list[str]:
    """Up to five Table-1 names like this one, for a message."""
    words = {w: rows[0].name for w, rows in _by_name().items()}
    close = difflib.get_close_matches(fold(name), words, n=5, cutoff=0.4)
    inside = [words[w] for w in words if len(fold(name)) > 1 and (fold(name) in w or (len(w) > 1 and w in fold(name)))]
    return list(dict.fromkeys([*(words[c] for c in close), *inside]))[:5]
