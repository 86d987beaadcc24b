"""From a cell's text to a stored value, and back to text for an export: numbers, places, states, declared facts."""

from decimal import Decimal, InvalidOperation
from typing import Any

from shouwang.kernel import fields
from shouwang.kernel.errors import BadInput
from shouwang.kernel.fields import Field

from .import_report import Wrong
from .sheets import BROKEN

STATUSES = {"running": "运行", "stopped": "停产停用", "maintenance": "检维修", "closed": "关闭"}
TRUE, FALSE = {"是", "1", "true", "y", "yes", "启用"}, {"否", "0", "false", "n", "no", "停用"}
CHINA = {"lon": (73.0, 136.0), "lat": (3.0, 54.0)}


def text(value: str, column: str, longest: int, *, required: bool = False) -> str:
    """Trimmed text; Wrong when missing, too long, a broken formula or holding control characters."""
    if value in BROKEN:
        raise Wrong(column, f"单元格是公式错误 {value}", "请改成数值或文字")
    if required and not value:
        raise Wrong(column, "必须填写")
    if len(value) > longest:
        raise Wrong(column, f"最多 {longest} 字,现在 {len(value)} 字", "请缩短")
    if any(ord(c) < 32 for c in value):
        raise Wrong(column, "含有换行或控制字符", "请删去")
    return value


def decimal(value: str, column: str, *, places: int = 4, most: int = 10) -> Decimal | None:
    """A finite decimal with at most `places` decimals and `most` digits before the point; None when empty."""
    if not value:
        return None
    try:
        number = Decimal(value.replace(",", ""))
    except InvalidOperation:
        raise Wrong(column, f"应是数字,而不是 {value[:30]!r}", "请只填数字,单位填在单位列") from None
    if not number.is_finite() or abs(number) >= Decimal(10) ** most:
        raise Wrong(column, f"数字 {value[:30]} 超出可存范围", "请核对单位")
    return _rounded(number, value, column, places)


def _rounded(number: Decimal, value: str, column: str, places: int) -> Decimal:
    """Binary noise of spreadsheets (0.30000000000000004) is taken off; real extra decimals are refused."""
    kept = round(number, places)
    if abs(kept - number) > Decimal("1e-9") * max(abs(number), Decimal(1)):
        raise Wrong(column, f"{value[:30]} 小数超过 {places} 位", f"请四舍五入到 {places} 位")
    return kept


def place(value: str, column: str, axis: str) -> float | None:
    """A longitude or latitude in degrees (WGS-84/CGCS2000) within China; Wrong tells of swapped columns."""
    number = decimal(value, column, places=7, most=4)
    if number is None:
        return None
    low, high = CHINA[axis]
    if not low <= float(number) <= high:
        raise Wrong(column, f"{value} 不在中国境内", "请检查经度、纬度是否写反;坐标用 WGS-84 或 CGCS2000 的十进制度")
    return float(number)


def one_of(value: str, column: str, options: dict[str, str], default: str) -> str:
    """The code of an option given as code or Chinese title; empty gives the default."""
    if not value:
        return default
    for code, title in options.items():
        if value in (code, title):
            return code
    raise Wrong(column, f"没有 {value[:20]!r}", f"可填:{'、'.join(options.values())}")


def flag(value: str, column: str, default: bool) -> bool:
    """是/否 as a truth value; empty gives the default."""
    if not value:
        return default
    if value.lower() in TRUE | FALSE:
        return value.lower() in TRUE
    raise Wrong(column, f"应填 是 或 否,而不是 {value[:20]!r}")


def heading(field: Field) -> str:
    """A fact's heading: 容积(m³)."""
    return f"{field.title}({field.unit})" if field.unit else field.title


def fact(field: Field, value: str) -> Any:
    """One declared fact as stored; None when empty."""
    try:
        cleaned = fields.clean([field], {field.id: _codes(field, text(value, heading(field), 4000))})
    except BadInput as wrong:
        raise Wrong(heading(field), str(wrong)) from None
    return cleaned.get(field.id)


def _codes(field: Field, value: str) -> Any:
    """Chinese option titles back to codes."""
    by_title = {title: code for code, title in field.options.items()}
    if field.type == "choices":
        return [by_title.get(v, v) for v in value.replace(",", "、").split("、") if v]
    return by_title.get(value, value)


def fact_shown(field: Field, value: Any) -> Any:
    """A stored fact as a cell."""
    if isinstance(value, list):
        return "、".join(field.options.get(v, str(v)) for v in value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return field.options.get(value, value) if isinstance(value, str) else value


def pairs(value: str, column: str) -> dict[str, str]:
    """'place=T1;loop=3' as a mapping."""
    found = {}
    for piece in filter(None, (p.strip() for p in text(value, column, 500).replace(";", ";").split(";"))):
        name, sign, content = piece.partition("=")
        if not sign or not name.strip():
            raise Wrong(column, f"{piece[:30]!r} 写法不对", "写成 名=值,多项用分号隔开,如 place=T1")
        found[name.strip()] = content.strip()
    return found


def pairs_shown(facts: dict[str, Any]) -> str:
    """A mapping as 'place=T1'."""
    return ";".join(f"{k}={v}" for k, v in sorted(facts.items()))
