"""The API: one router an engine, session or bearer token, errors as JSON in Chinese."""

import hashlib
from functools import cached_property
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Router
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.renderers import JSONRenderer
from ninja.security import HttpBearer
from ninja.utils import check_csrf

from shouwang.engines.flows.api import router as flows
from shouwang.engines.notify.api import router as notify
from shouwang.engines.rules.api import router as rules
from shouwang.engines.subjects.api import router as subjects
from shouwang.engines.telemetry.api import router as telemetry
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput, ContentError, NotAllowed, ShouwangError, SignInFirst
from shouwang.kernel.models import Account, ApiToken

from .kpis import router as kpis

STATUS = {SignInFirst: 401, NotAllowed: 403, BadInput: 400, ContentError: 500}


class Bearer(HttpBearer):
    """`Authorization: Bearer …`: the token acts with its account's grants."""

    def authenticate(self, request: HttpRequest, token: str) -> Account | None:
        """The account of a live token, put on the request."""
        found = ApiToken.objects.select_related("account").filter(
            hash=hashlib.sha256(token.encode()).hexdigest(), account__is_active=True).first()
        if found is None or (found.expires_at and found.expires_at <= clock.now()):
            return None
        ApiToken.objects.filter(pk=found.pk).update(used_at=clock.now())
        request.user = found.account
        return found.account


def by_session(request: HttpRequest) -> Account | None:
    """The signed-in person; what changes things needs the CSRF token."""
    if not isinstance(request.user, Account):
        return None
    if request.method not in ("GET", "HEAD", "OPTIONS") and check_csrf(request) is not None:
        raise NotAllowed("缺少 CSRF 令牌;请从页面操作,或改用 Authorization: Bearer 令牌")
    return request.user


class Readable(JSONRenderer):
    """Chinese as it is written, not as escapes."""

    json_dumps_params = {"ensure_ascii": False}


class Api(NinjaAPI):
    """Its description is made once: it cannot change while the process runs."""

    def get_openapi_schema(self, *, path_prefix: str | None = None,
                           path_params: dict[str, Any] | None = None) -> OpenAPISchema:
        """The OpenAPI document."""
        return self._schema if path_prefix is None else super().get_openapi_schema(path_prefix=path_prefix)

    @cached_property
    def _schema(self) -> OpenAPISchema:
        return super().get_openapi_schema()


api = Api(title="守望 Shouwang", version="1", urls_namespace="api", docs_url=None, openapi_url="openapi.json",
               description="城市安全生产监管平台的接口。设备上报走 /api/v1/{token}/telemetry。",
               renderer=Readable(), auth=[Bearer(), by_session])
v1 = Router()
v1.add_router("/alerts", rules)
v1.add_router("/alerts", kpis)
for router in (subjects, telemetry, flows, notify):
    v1.add_router("", router)
api.add_router("/v1", v1)


@api.exception_handler(ShouwangError)
def _told(request: HttpRequest, wrong: ShouwangError) -> HttpResponse:
    status = next((s for kind, s in STATUS.items() if isinstance(wrong, kind)), 400)
    return api.create_response(request, {"error": str(wrong)}, status=status)


@api.exception_handler(ValidationError)
def _misshapen(request: HttpRequest, wrong: ValidationError) -> HttpResponse:
    places: list[dict[str, Any]] = [{"place": ".".join(map(str, e["loc"])), "why": e["msg"]} for e in wrong.errors]
    return api.create_response(request, {"error": "请求的内容不对,见 places", "places": places}, status=422)


@api.exception_handler(Http404)
def _absent(request: HttpRequest, _wrong: Http404) -> HttpResponse:
    return api.create_response(request, {"error": "没有找到,或不在您的管辖范围"}, status=404)


@api.exception_handler(HttpError)
def _refused(request: HttpRequest, wrong: HttpError) -> HttpResponse:
    told = {401: "请先登录,或带上有效的 Authorization: Bearer 令牌"}.get(wrong.status_code, str(wrong))
    return api.create_response(request, {"error": told}, status=wrong.status_code)
