"""The product's own errors as friendly answers: a page, a fragment for htmx, JSON for the API."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from shouwang.kernel.errors import BadInput, ContentError, NotAllowed, ShouwangError, SignInFirst

STATUS = {SignInFirst: 401, NotAllowed: 403, BadInput: 400, ContentError: 500}


class PlainErrors:
    """Turns ShouwangError into an answer with the right status and its Chinese message."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, wrong: Exception) -> HttpResponse | None:
        """None for what is not ours: Django answers 500 and logs it."""
        if not isinstance(wrong, ShouwangError):
            return None
        status = next((s for kind, s in STATUS.items() if isinstance(wrong, kind)), 400)
        if request.path.startswith("/api/") or request.path.endswith(".json"):
            return JsonResponse({"error": str(wrong)}, status=status)
        name = "console/wrong_fragment.html" if request.headers.get("HX-Request") else "console/wrong.html"
        return render(request, name, {"message": str(wrong)}, status=status)
