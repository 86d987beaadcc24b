"""Declared form fields: one shape for desk, phone and API. A flow state, a kind or a checklist lists them."""

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from .errors import BadInput

FieldType = Literal["text", "prose", "number", "choice", "choices", "date", "moment", "photo", "file", "person",
                    "flag"]


class Field(BaseModel):
    """One thing a person is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    title: str
    title_en: str = ""
    type: FieldType = "text"
    required: bool = False
    options: dict[str, str] = {}  # code → Chinese title
    options_en: dict[str, str] = {}
    unit: str = ""
    low: float | None = None
    high: float | None = None
    longest: int = 500
    hint: str = ""
    hint_en: str = ""


def clean(fields: list[Field], given: dict[str, Any]) -> dict[str, Any]:
    """What was typed, as stored values; the first wrong one is a BadInput naming field and remedy."""
    unknown = set(given) - {f.id for f in fields}
    if unknown:
        raise BadInput(f"表单里没有这些栏:{'、'.join(sorted(unknown))}")
    return {f.id: v for f in fields if (v := _clean_one(f, given.get(f.id))) is not None}


def _clean_one(field: Field, value: Any) -> Any:
    if value in (None, "", []):
        if field.required:
            raise BadInput(f"“{field.title}”必须填写")
        return None
    return _CLEAN.get(field.type, _text)(field, value)


def _text(field: Field, value: Any) -> str:
    text = str(value).strip()
    if len(text) > field.longest:
        raise BadInput(f"“{field.title}”最多 {field.longest} 字,现在 {len(text)} 字")
    return text


def _number(field: Field, value: Any) -> float:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise BadInput(f"“{field.title}”应是数字,而不是 {value!r}") from None
    if not number.is_finite():
        raise BadInput(f"“{field.title}”应是有限的数字")
    if field.low is not None and number < Decimal(str(field.low)):
        raise BadInput(f"“{field.title}”不能小于 {field.low}{field.unit}")
    if field.high is not None and number > Decimal(str(field.high)):
        raise BadInput(f"“{field.title}”不能大于 {field.high}{field.unit}")
    return float(number)


def _choice(field: Field, value: Any) -> str:
    if value not in field.options:
        raise BadInput(f"“{field.title}”没有选项 {value!r};可选:{'、'.join(field.options.values())}")
    return str(value)


def _choices(field: Field, value: Any) -> list[str]:
    return [_choice(field, v) for v in (value if isinstance(value, list) else [value])]


def _date(field: Field, value: Any) -> str:
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise BadInput(f"“{field.title}”应是日期,写法如 2026-01-31") from None


def _moment(field: Field, value: Any) -> str:
    try:
        return datetime.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise BadInput(f"“{field.title}”应是时间,写法如 2026-01-31T08:30") from None


def _flag(field: Field, value: Any) -> bool:
    return str(value).lower() in ("1", "true", "yes", "on", "是")


_CLEAN: dict[str, Any] = {"number": _number, "choice": _choice, "choices": _choices, "date": _date,
                          "moment": _moment, "flag": _flag}
