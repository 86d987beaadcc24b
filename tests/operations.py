"""What the product offers, read from itself: every page with its rule, every API operation with an example request."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import get_resolver

from shouwang.surfaces.api import api

METHODS = ("get", "post", "put", "patch", "delete")
EXAMPLES = {"date-time": "2026-06-01T08:00:00+08:00", "date": "2026-06-01", "binary": None}
FILE = "a file"
PLAIN = {"string": "x", "integer": 1, "number": 1.0, "boolean": True, "object": {}, "array": []}


class Page(NamedTuple):
    """One URL pattern of ours; `access` is None where the view was not marked."""

    pattern: str
    access: str | None


class Operation(NamedTuple):
    """One API operation: its path with {names}, its permission, and how a request looks that passes validation."""

    method: str
    path: str
    access: str
    query: dict[str, Any]
    form: dict[str, Any] | None  # multipart or form body
    body: Any  # JSON body


def pages() -> list[Page]:
    """Every URL pattern that is not the API's."""
    return [Page(pattern, getattr(view, "access", None)) for pattern, view in _patterns(get_resolver().url_patterns)
            if not pattern.startswith("api/v1")]


def _patterns(entries: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for entry in entries:
        here = before + str(entry.pattern)
        if hasattr(entry, "url_patterns"):
            yield from _patterns(entry.url_patterns, here)
        else:
            yield here, entry.callback


def operations() -> list[Operation]:
    """Every operation of the schema, with the rule its function is marked with."""
    rules, schema = _rules(), api.get_openapi_schema()
    return [_operation(method, path, told, rules[method, told["operationId"]], schema)
            for path, item in schema["paths"].items() for method, told in item.items() if method in METHODS]


def _rules() -> dict[tuple[str, str], str]:
    return {(m.lower(), op.operation_id or api.get_openapi_operation_id(op)): getattr(op.view_func, "access", "")
            for router in api._get_bound_routers() for view in router.path_operations.values()
            for op in view.operations for m in op.methods}


def _operation(method: str, path: str, told: dict[str, Any], access: str, schema: Any) -> Operation:
    query = {p["name"]: _value(p["schema"], schema) for p in told.get("parameters", [])
             if p["in"] == "query" and p.get("required")}
    bodies = told.get("requestBody", {}).get("content", {})
    as_json = bodies.get("application/json")
    as_form = bodies.get("multipart/form-data") or bodies.get("application/x-www-form-urlencoded")
    return Operation(method.upper(), path, access, query, _value(as_form["schema"], schema) if as_form else None,
                     _value(as_json["schema"], schema) if as_json else None)


def _value(shape: dict[str, Any], schema: Any) -> Any:
    """A value of the shape with only what is required."""
    if "$ref" in shape:
        return _value(schema["components"]["schemas"][shape["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in shape:
        return _value(shape["anyOf"][0], schema)
    if shape.get("properties"):
        return {n: _value(p, schema) for n, p in shape["properties"].items() if n in shape.get("required", [])}
    if shape.get("format") == "binary":
        return FILE
    if shape.get("enum"):
        return shape["enum"][0]
    return EXAMPLES.get(shape.get("format", "")) or PLAIN[shape.get("type", "string")]


def send(client: Any, op: Operation, path: str, **extra: Any) -> Any:
    """The example request of an operation to a filled path."""
    if op.method == "GET":
        return client.get(path, op.query, **extra)
    verb = getattr(client, op.method.lower())
    if op.form is not None:
        form = {k: SimpleUploadedFile("x.csv", "名称\n".encode(), "text/csv") if v is FILE else v
                for k, v in op.form.items()}
        return verb(path, form, **extra)
    return verb(path, json.dumps(op.body or {}), content_type="application/json", **extra)
