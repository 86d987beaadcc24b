"""Only the wall: its tests do not wait for the rest of the site."""

from shouwang.surfaces.wall.pages import urlpatterns

__all__ = ["urlpatterns"]
