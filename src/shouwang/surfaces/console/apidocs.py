"""The API's operations by subject, from its own OpenAPI schema; no script, nothing from elsewhere."""

import json
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from shouwang.kernel.access import SIGNED_IN, guarded
from shouwang.surfaces.api import api

VERBS = ("get", "post", "put", "patch", "delete")


@guarded(SIGNED_IN)
def index(request: HttpRequest) -> HttpResponse:
    """Every operation with its parameters, body and answers."""
    context = {"groups": operations(), "origin": request.build_absolute_uri("/")}
    return render(request, "console/admin/api.html", context)


@cache
def operations() -> list[tuple[str, list[dict[str, Any]]]]:
    """Operations by tag, in the order of the schema."""
    schema: Any = api.get_openapi_schema()
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, verbs in schema["paths"].items():
        for verb in VERBS:
            if verb in verbs:
                operation = verbs[verb]
                tag = (operation.get("tags") or ["other"])[0]
                groups.setdefault(tag, []).append(_one(schema, path, verb, operation))
    return sorted(groups.items())


def _one(schema: Any, path: str, verb: str, operation: Any) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {})
    return {"path": path, "verb": verb, "title": operation.get("summary", ""), "text": operation.get("description", ""),
            "parameters": [{"name": p["name"], "where": p["in"], "required": p.get("required", False),
                            "type": _type(p.get("schema", {}))} for p in operation.get("parameters", [])],
            "body": [(kind, _example(schema, c.get("schema", {}))) for kind, c in body.items()],
            "answers": [(code, _answer(schema, told)) for code, told in operation.get("responses", {}).items()]}


def _answer(schema: Any, told: Any) -> str:
    return next((_example(schema, c.get("schema", {})) for c in told.get("content", {}).values()), "")


def _type(schema: Any) -> str:
    if "anyOf" in schema:
        return " | ".join(_type(s) for s in schema["anyOf"])
    return str(schema.get("format") or schema.get("type") or "")


def _example(schema: Any, shape: Any) -> str:
    return json.dumps(_shape(schema, shape, 0), ensure_ascii=False, indent=1)


def _shape(schema: Any, shape: Any, depth: int) -> Any:
    """A value-like outline: names with their types, references followed three deep."""
    if "$ref" in shape:
        name = shape["$ref"].rsplit("/", 1)[1]
        return name if depth > 3 else _shape(schema, schema["components"]["schemas"][name], depth + 1)
    if "properties" in shape:
        return {name: _shape(schema, s, depth) for name, s in shape["properties"].items()}
    if shape.get("type") == "array":
        return [_shape(schema, shape.get("items", {}), depth)]
    if "anyOf" in shape or "allOf" in shape:
        told = [_shape(schema, s, depth) for s in shape.get("anyOf") or shape["allOf"]]
        return next((t for t in told if isinstance(t, dict | list)), " | ".join(map(str, told)))
    return _type(shape) or "any"
