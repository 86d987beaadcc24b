"""Bring engines and declarations together. The one place that knows the whole."""

import importlib
import importlib.util
import os
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import django
from django.apps import apps

PACKAGE = Path(__file__).parent
MODULES = [
    "kernel.events", "kernel.access",
    "engines.subjects.spec", "engines.subjects.change", "engines.subjects.import_rows", "engines.telemetry.address",
    "engines.telemetry.credentials",
    "engines.rules.spec", "engines.rules.judge", "engines.rules.act", "engines.rules.read",
    "engines.flows.spec", "engines.flows.move", "engines.flows.read",
    "engines.notify.send",
]
_booted: list[Path] | None = None


def setup() -> None:
    """Django ready, nothing declared yet."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shouwang.settings")
    if not apps.ready:
        django.setup()


def outside() -> list[Path]:
    """Scene folders beyond the package: entry points `shouwang.scenes` and SHOUWANG_SCENES (a path list)."""
    found = [Path(e.load().__path__[0]) for e in entry_points(group="shouwang.scenes")]
    listed = [Path(p) for p in os.environ.get("SHOUWANG_SCENES", "").split(os.pathsep) if p]
    return [*found, *listed]


def own_scenes() -> list[Path]:
    """The scene folders shipped with the product."""
    return sorted(f.parent for f in (PACKAGE / "scenes").glob("*/scene.yaml"))


def boot(*extra: Path) -> None:
    """Load catalog, patterns, scenes and localities. Called once by every process; again with more scenes in tests."""
    global _booted
    wanted = [*own_scenes(), *outside(), *extra]
    if _booted is not None and [p.resolve() for p in wanted] == [p.resolve() for p in _booted]:
        return
    setup()
    from shouwang.kernel import content, params

    for module in MODULES:
        importlib.import_module(f"shouwang.{module}")
    content.clear()
    params.clear()
    for file in sorted((PACKAGE / "catalog").glob("*.yaml")):
        content.load_file(file)
    for file in sorted((PACKAGE / "patterns").glob("*.yaml")):
        content.load_patterns(file)
    for folder in wanted:
        _load_scene(folder)
    for place in sorted(p for p in (PACKAGE / "localities").iterdir() if p.is_dir()):
        for file in sorted(place.glob("*.yaml")):
            prefix = "" if file.stem == "params" else f"{file.stem}."
            params.load(file, locality=place.name, prefix=prefix)
    _booted = wanted


def _load_scene(folder: Path) -> None:
    from shouwang.kernel import content, params

    content.load_scene(folder)
    if (folder / "params.yaml").exists():
        params.load(folder / "params.yaml", prefix=f"{folder.name}.")
    if (folder / "hooks.py").exists():
        spec = importlib.util.spec_from_file_location(f"shouwang_scene_{folder.name}", folder / "hooks.py")
        assert spec is not None
        assert spec.loader is not None
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def forget() -> None:
    """The next `boot` reads everything again (tests)."""
    global _booted
    _booted = None


def checks() -> list[Callable[[], list[str]]]:
    """The static checks of the kernel and of every engine that has a `checks` module."""
    modules = ["kernel.checks", *(f"engines.{e}.checks" for e in ("subjects", "rules", "flows", "notify"))]
    return [importlib.import_module(f"shouwang.{m}").problems for m in modules]
