"""The sentence a notice says: level, enterprise, matter, what is asked, until when."""

from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from shouwang.kernel import clock, content

LONGEST = 300


def titled(kind: str, key: str) -> str:
    """The Chinese title of a catalog word, or the word itself."""
    return next((str(s.title) for s in content.every(kind) if s.key == key), key)


def when(moment: datetime | str | None) -> str:
    """'11月22日 08:30' in China's time; "" for none."""
    parsed = parse_datetime(moment) if isinstance(moment, str) else moment
    if parsed is None:
        return ""
    local = parsed.astimezone(clock.LOCAL)
    return f"{local.month}月{local.day}日 {local:%H:%M}"


def sentence(type: str, data: dict[str, Any]) -> str:
    """The text of a notice about an event."""
    drill = "【演练】" if data.get("status") == "exercise" else ""
    level = f"【{titled('levels', data['level'])}】" if data.get("level") else ""
    return f"{drill}{level}{data.get('enterprise', '')} {data.get('title', '')}:{_asked(type, data)}"[:LONGEST]


def _asked(type: str, data: dict[str, Any]) -> str:
    state, until = data.get("state_title", ""), when(data.get("due_at"))
    if type == "flows.overdue":
        return f"“{state}”已超过时限({until}),请立即办理"
    if type == "flows.escalated":
        return f"{state},至今未办;请值守人员复诵并督促办理"
    if type == "flows.delegated":
        return f"委托您办理“{state}”" + (f",请于 {until} 前办结" if until else "")
    if type == "flows.unheard":
        return "升级到顶仍无人应答,请立即过问"
    return f"{state},请于 {until} 前办理" if until else state or "请知悉"
