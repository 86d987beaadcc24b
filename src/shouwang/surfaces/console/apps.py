"""The console surface as a Django app (templates and static files)."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Pages only: it owns no model."""

    name = "shouwang.surfaces.console"
    label = "console"
