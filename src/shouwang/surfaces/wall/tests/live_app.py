"""The wall alone under ASGI, for tests over a real socket."""

from django.conf import settings
from django.core.asgi import get_asgi_application

from shouwang.boot import boot

boot()
settings.ROOT_URLCONF = "shouwang.surfaces.wall.tests.urls"
application = get_asgi_application()
