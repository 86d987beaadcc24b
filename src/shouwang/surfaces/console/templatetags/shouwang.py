"""Words for templates: titles in the reader's language, moments in China's time, spans, levels, declared forms."""

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from shouwang.engines.flows import versions
from shouwang.engines.subjects.spec import Level
from shouwang.kernel import clock, content
from shouwang.kernel.errors import ContentError
from shouwang.kernel.fields import Field

register = template.Library()


def english() -> bool:
    """Whether the reader reads English."""
    return (get_language() or "zh").startswith("en")


@register.filter
def titled(spec: Any) -> str:
    """A declared item's title in the reader's language; Chinese where no English stands."""
    if spec is None:
        return ""
    chosen = getattr(spec, "title_en", "") if english() else ""
    return str(chosen or getattr(spec, "title", spec))


@register.filter
def named(key: str, kind: str) -> str:
    """`"red"|named:"levels"`: the title of a declared item by its key; an unknown key is shown as it is."""
    try:
        return titled(content.get(kind, key))
    except ContentError:
        return key


@register.filter
def level_name(level: str) -> str:
    """红 / Red."""
    return named(level, "levels") if level else "—"


@register.filter
def moment(at: datetime | None, style: str = "minute") -> str:
    """In China's time: `minute` 11-21 08:05, `second` 2026-11-21 08:05:09, `clock` 08:05:09, `day` 2026-11-21."""
    if at is None:
        return "—"
    styles = {"minute": "%m-%d %H:%M", "second": "%Y-%m-%d %H:%M:%S", "clock": "%H:%M:%S", "day": "%Y-%m-%d"}
    return at.astimezone(clock.LOCAL).strftime(styles[style])


UNITS = ("天", "小时", "分", "秒")


@register.filter
def span(length: timedelta | None) -> str:
    """3 天 4 小时 / 3 d 4 h: the two largest parts."""
    if length is None:
        return "—"
    seconds = int(abs(length.total_seconds()))
    counts = (seconds // 86400, seconds % 86400 // 3600, seconds % 3600 // 60, seconds % 60)
    first = next((i for i, n in enumerate(counts) if n), 3)
    parts = [f"{counts[i]} {_(UNITS[i])}" for i in range(first, min(first + 2, 4)) if counts[i]]
    return " ".join(parts) or f"0 {_('秒')}"


@register.filter
def ago(at: datetime | None) -> str:
    """How long ago."""
    return span(clock.now() - at) if at else "—"


@register.filter
def until(at: datetime | None) -> str:
    """How long from now; what has passed says so."""
    if at is None:
        return "—"
    left = at - clock.now()
    return _("已超 %(span)s") % {"span": span(left)} if left < timedelta() else span(left)


@register.filter
def number(value: float | None, digits: int = 2) -> str:
    """1,234.5 without idle zeros; — for nothing."""
    if value is None:
        return "—"
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@register.inclusion_tag("console/parts/level.html")
def level(name: str, small: bool = False) -> dict[str, Any]:
    """The square with the level's character: colour is never the only sign."""
    found = next((lv for lv in content.every("levels") if isinstance(lv, Level) and lv.id == name), None)
    return {"level": found, "id": name, "small": small}


@register.inclusion_tag("console/parts/mark.html")
def mark(letter: str) -> dict[str, Any]:
    """待核 for what rests on memory, 本系统默认 for a default of ours; nothing for what is verified."""
    return {"mark": letter}


@register.inclusion_tag("console/parts/form.html")
def declared_form(fields: list[Field], given: dict[str, Any] | None = None) -> dict[str, Any]:
    """Accessible inputs for declared fields, filled with what was given before."""
    return {"rows": [{"field": f, "value": (given or {}).get(f.id, ""), "options": options(f)} for f in fields]}


def options(field: Field) -> list[tuple[str, str]]:
    """Code and title of each choice in the reader's language."""
    return [(code, (english() and field.options_en.get(code)) or title) for code, title in field.options.items()]


@register.simple_tag
def icon(name: str) -> SafeString:
    """An 18 px line icon, hidden from readers of the screen."""
    return SafeString(f'<svg class="icon" width="18" height="18" aria-hidden="true" viewBox="0 0 24 24">'
                      f'<path d="{ICONS.get(name, ICONS["list"])}"/></svg>')


ICONS = {
    "today": "M4 6h16v14H4zM4 10h16M8 3v4M16 3v4",
    "map": "M9 4 3 6.5V20l6-2.5 6 2.5 6-2.5V4l-6 2.5zM9 4v13.5M15 6.5V20",
    "bell": "M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 20.5h4",
    "firm": "M4 20V9l5 3V9l5 3V4h6v16zM8 16h2M13 16h2",
    "mail": "M3 6h18v12H3zM3 7l9 6 9-6",
    "desk": "M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM4 20c1-4 4-6 8-6s7 2 8 6",
    "params": "M4 7h10M18 7h2M4 12h3M11 12h9M4 17h8M16 17h4M14 5v4M7 10v4M12 15v4",
    "plug": "M8 3v5M16 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4",
    "list": "M5 6h14M5 12h14M5 18h14",
    "task": "M4 5h16v14H4zM8 12l3 3 5-6",
    "camera": "M4 8h3l2-3h6l2 3h3v11H4zM12 10a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7z",
    "picture": "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.500 9.500h.01",
    "people": ("M9 5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM3 19c.6-3.6 3-5 6-5s5.4 1.4 6 5"
               "M16 6a3 3 0 0 1 0 6M17 14c2.5.3 3.7 2 4 5"),
}


QUALITIES = {"good": "正常", "uncertain": "存疑", "calibration": "标校中", "over_range": "超量程", "fault": "故障",
             "no_data": "无数据"}
CHANGES = {"raised": "报警", "upgraded": "升级", "downgraded": "降级", "cleared": "恢复", "quality": "数据质量变化",
           "acknowledged": "确认", "shelved": "搁置", "unshelved": "结束搁置", "retired": "规则停用"}


@register.filter
def quality_name(word: str) -> str:
    """A quality word for readers."""
    return _(QUALITIES.get(word, word))


@register.filter
def change_name(kind: str) -> str:
    """A line of the alarm journal for readers."""
    return _(CHANGES.get(kind, kind))


@register.simple_tag
def matter_state(matter: Any) -> str:
    """The title of the state a matter is in, under its own version."""
    return titled(versions.state_of(matter))


@register.simple_tag
def moment_ms(at: datetime | None) -> int:
    """Milliseconds since 1970; now for nothing."""
    return int((at or clock.now()).timestamp() * 1000)


@register.filter
def hours(_unused: str) -> list[tuple[str, str]]:
    """The time windows of a list: hours and their name."""
    return [("1", _("1 小时内")), ("24", _("24 小时内")), ("168", _("7 天内")), ("720", _("30 天内"))]


STATUSES = {"running": "运行", "stopped": "停用", "maintenance": "检维修", "closed": "关闭"}
SPANS = {"1h": "1 小时", "24h": "24 小时", "7d": "7 天", "30d": "30 天"}


@register.filter
def status_name(word: str) -> str:
    """A subject's status for readers."""
    return _(STATUSES.get(word, word))


@register.filter
def span_name(name: str) -> str:
    """The name of a curve's span."""
    return _(SPANS.get(name, name))


@register.filter
def plain(value: float) -> str:
    """A coordinate of a drawing: never with a thousands separator or a comma."""
    return f"{value:.2f}"


@register.filter
def rest(value: float) -> str:
    """What is left to 100."""
    return f"{max(0.0, 100 - value):.2f}"
