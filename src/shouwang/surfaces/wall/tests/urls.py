"""Only the wall and the names it links to: its tests do not wait for the rest of the site."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from shouwang.kernel.access import PUBLIC, guarded
from shouwang.surfaces.wall.pages import urlpatterns as wall


@guarded(PUBLIC)
def elsewhere(request: HttpRequest) -> HttpResponse:
    """A page of another surface."""
    return HttpResponse("别处")


urlpatterns = [*wall, *(path(f"{name}/", elsewhere, name=name) for name in ("subjects", "warnings", "matters"))]
