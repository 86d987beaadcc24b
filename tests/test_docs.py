"""Docs are held by tests: every command, key, dependency and engine is documented, every link leads somewhere."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from shouwang.surfaces.cli.verbs import VERBS

ROOT = Path(__file__).parents[1]
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("README.md")])


def test_the_reference_is_current(tmp_path):
    environment = {**os.environ, "SHOUWANG_DATA": str(tmp_path / "data")}
    command = [sys.executable, "-m", "shouwang", "reference", "--into", str(tmp_path)]
    subprocess.run(command, env=environment, check=True)
    for made in tmp_path.glob("*.md"):
        standing = ROOT / "docs" / "reference" / made.name
        assert standing.exists(), f"缺 {made.name}:请运行 shouwang reference"
        assert standing.read_text("utf8") == made.read_text("utf8"), f"{made.name} 过时了:请运行 shouwang reference"


def test_links_lead_somewhere():
    broken = []
    for page in DOCS:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf8")):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)} → {target}")
    assert not broken


def test_every_engine_and_driver_says_what_it_owns():
    rooms = [p for p in (ROOT / "src/shouwang/engines").iterdir() if (p / "models.py").exists()]
    missing = [r.name for r in [*rooms, ROOT / "src/shouwang/drivers"] if not (r / "README.md").exists()]
    assert not missing


def test_every_dependency_is_named_in_a_decision():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    named = (ROOT / "docs/decisions/0004-dependencies.md").read_text("utf8").lower()
    missing = [d for d in wanted if re.split(r"[\[<>=; ]", d)[0].lower() not in named]
    assert not missing


def test_every_verb_has_a_module():
    folder = ROOT / "src/shouwang/surfaces/cli"
    assert [v for v in VERBS if not (folder / f"{v}.py").exists()] == []


def test_every_environment_variable_is_documented():
    used = {v for f in (ROOT / "src").rglob("*.py") if "tests" not in f.parts
            for v in re.findall(r"SHOUWANG_[A-Z_]+", f.read_text("utf8"))}
    documented = "".join(p.read_text("utf8") for p in DOCS)
    assert not {v for v in used if v not in documented}


def test_nothing_speaks_of_our_workplace():
    words = re.compile("/work/(main|shared)|helper-\\d|" + "an" + "thropic|cl" + "aude|chat" + "gpt", re.I)
    told = [f"{p.relative_to(ROOT)}" for folder in ("src", "docs", "tests", "bench") for p in (ROOT / folder).rglob("*")
            if p.suffix in (".py", ".md", ".yaml", ".js", ".html", ".css") and p.name != "test_docs.py"
            and "vendor" not in p.parts and words.search(p.read_text("utf8"))]
    assert not told
