"""The wall surface as a Django app (templates and static files)."""

from django.apps import AppConfig


class WallConfig(AppConfig):
    """Pages only: it owns no model."""

    name = "shouwang.surfaces.wall"
    label = "wall"
