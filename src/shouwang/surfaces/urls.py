"""Every page and operation of the product, by surface and engine."""

from django.urls import path

from shouwang.surfaces.api import api
from shouwang.surfaces.console.urls import urlpatterns as console
from shouwang.surfaces.health import healthz, metrics
from shouwang.surfaces.wall.pages import urlpatterns as wall

urlpatterns = [
    *console,
    *wall,
    path("healthz", healthz, name="healthz"),
    path("metrics", metrics, name="metrics"),
    path("api/", api.urls),
]
