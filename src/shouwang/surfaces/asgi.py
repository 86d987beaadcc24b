"""The web process's door: device telemetry goes straight to the ingest process, everything else to Django."""

from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application

from shouwang.boot import boot
from shouwang.drivers.http.app import app, claims
from shouwang.drivers.http.submit import Reply
from shouwang.engines.telemetry import control

boot()
pages = get_asgi_application()
ingest = control.AsyncClient(control.path_of(settings.DATA))
telemetry = app(control.remote_submit(ingest, Reply))


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Raw ASGI: never a Django view for readings."""
    if scope["type"] == "http" and claims(scope["path"]):
        await telemetry(scope, receive, send)
    elif scope["type"] == "http":
        await pages(scope, receive, send)
