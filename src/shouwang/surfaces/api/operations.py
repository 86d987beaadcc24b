"""What the API offers, read from itself: for the page that describes it and for the test that walks it."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from shouwang.kernel.access import PUBLIC, guarded

from . import api

METHODS = ("get", "post", "put", "patch", "delete")


class Operation(NamedTuple):
    """One thing a program may ask for. `fields` are (name, where, type, required)."""

    method: str
    path: str
    access: str
    tag: str
    title: str
    title_en: str
    fields: list[tuple[str, str, str, bool]]


def operations() -> list[Operation]:
    """Every operation in the order of its router."""
    rules = _rules()
    schema = api.get_openapi_schema()
    return [_operation(method, path, told, rules.get((method, told["operationId"]), ""), schema)
            for path, item in schema["paths"].items() for method, told in item.items() if method in METHODS]


def _rules() -> dict[tuple[str, str], str]:
    """(method, operation id) → the permission its function is marked with; "" for a forgotten one."""
    found = {}
    for router in api._get_bound_routers():
        for view in router.path_operations.values():
            for op in view.operations:
                for method in op.methods:
                    key = (method.lower(), op.operation_id or api.get_openapi_operation_id(op))
                    found[key] = getattr(op.view_func, "access", "")
    return found


def _operation(method: str, path: str, told: dict[str, Any], access: str, schema: Any) -> Operation:
    asked = [(p["name"], p["in"], _type(p["schema"]), bool(p.get("required"))) for p in told.get("parameters", [])]
    return Operation(method.upper(), path, access, (told.get("tags") or ["other"])[0], told.get("summary", ""),
                     (told.get("description") or "").split("\n")[0], [*asked, *_body(told, schema)])


def _body(told: dict[str, Any], schema: Any) -> Iterator[tuple[str, str, str, bool]]:
    """The fields of the first kind of body that names any."""
    for content in told.get("requestBody", {}).get("content", {}).values():
        shape = _resolved(content.get("schema", {}), schema)
        if shape.get("properties"):
            yield from ((n, "body", _type(p), n in shape.get("required", [])) for n, p in shape["properties"].items())
            return


def _resolved(shape: dict[str, Any], schema: Any) -> dict[str, Any]:
    name = shape.get("$ref", "").rpartition("/")[2]
    return schema["components"]["schemas"][name] if name else shape


def _type(shape: dict[str, Any]) -> str:
    """integer, string(date-time), Name or a list of them; what may be absent is marked by `required` only."""
    some = [s for s in shape.get("anyOf", [shape]) if s.get("type") != "null"]
    first = some[0] if some else {}
    if "$ref" in first:
        return str(first["$ref"]).rpartition("/")[2]
    if first.get("type") == "array":
        return f"{_type(first.get('items', {}))}[]"
    fine = first.get("format")
    return f"{first.get('type', 'any')}{f'({fine})' if fine else ''}"


@guarded(PUBLIC)
def docs(request: HttpRequest) -> HttpResponse:
    """The API's own page: every operation with its permission and fields; the machine-readable form beside it."""
    every = sorted(operations(), key=lambda op: op.tag)
    groups = [(tag, list(ops)) for tag, ops in groupby(every, key=lambda op: op.tag)]
    return render(request, "console/api_docs.html", {"groups": groups, "count": len(every)})
