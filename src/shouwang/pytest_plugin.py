"""Registered as a pytest plugin, so that a scene living anywhere is tested with plain `pytest FOLDER`."""

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shouwang.settings")
os.environ.setdefault("SHOUWANG_SECRET_KEY", "tests-only")
if "PYTEST_CURRENT_TEST" not in os.environ:
    os.environ["SHOUWANG_DATA"] = tempfile.mkdtemp(prefix="shouwang-test-")


def pytest_configure(config: pytest.Config) -> None:
    """Boot with the scenes named on the command line beside the shipped ones."""
    from shouwang import boot

    config.addinivalue_line("markers", "situation: a scene's situation in YAML")
    named = [Path(a.split("::")[0]).resolve() for a in config.args]
    outside = [p for p in named if (p / "scene.yaml").exists() and boot.PACKAGE not in p.parents]
    boot.boot(*outside)


def pytest_collect_file(parent: pytest.Collector, file_path: Path) -> pytest.Collector | None:
    """`<scene>/tests/*.yaml` holds situations."""
    from shouwang.testing import SituationFile

    in_scene = file_path.parent.name == "tests" and (file_path.parents[1] / "scene.yaml").exists()
    if file_path.suffix == ".yaml" and in_scene:
        return SituationFile.from_parent(parent, path=file_path)
    return None


@pytest.fixture(autouse=True, scope="session")
def _cleaning_between_tests() -> None:
    """Tables that only grow are emptied between tests that commit: protection off, flush, protection on."""
    from django.db.backends.base.operations import BaseDatabaseOperations

    from shouwang.kernel import append_only

    flush = BaseDatabaseOperations.execute_sql_flush

    def clean(self: Any, statements: list[str]) -> None:
        tables = [t for t in ("kernel_event", "rules_alertchange") if any(t in s for s in statements)]
        for table in tables:
            append_only.unprotect(self.connection, table)
        flush(self, statements)
        for table in tables:
            append_only.protect(self.connection, table)

    BaseDatabaseOperations.execute_sql_flush = clean  # type: ignore[method-assign,assignment]
