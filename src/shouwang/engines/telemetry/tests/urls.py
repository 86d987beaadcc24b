"""Only this engine's operations, so that its tests stand alone."""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from ninja import NinjaAPI

from shouwang.engines.telemetry.api import router
from shouwang.kernel.errors import BadInput, NotAllowed, ShouwangError, SignInFirst

api = NinjaAPI(urls_namespace="telemetry_alone")
api.add_router("", router)
STATUS = {SignInFirst: 401, NotAllowed: 403, BadInput: 400}


@api.exception_handler(ShouwangError)
def told(request: HttpRequest, wrong: ShouwangError) -> HttpResponse:
    """Errors with the status the product gives them."""
    return api.create_response(request, {"error": str(wrong)}, status=STATUS[type(wrong)])


urlpatterns = [path("api/v1/", api.urls)]
