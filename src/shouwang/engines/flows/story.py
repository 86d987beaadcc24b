"""The whole chain of a matter as sentences: alert raised, opened, told, escalated, read back, acted, closed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext

from shouwang.kernel import content, events
from shouwang.kernel.models import Account, Event

from . import versions
from .enter import name
from .models import Attachment, Matter
from .spec import Act, FlowSpec


@dataclass(frozen=True)
class Step:
    """One event of the chain in words: when, who, what, with what was filled in and handed over."""

    event: int
    cause: int | None
    at: datetime
    type: str
    text: str
    who: str = ""
    note: str = ""
    form: list[tuple[str, str]] = field(default_factory=list)
    files: list[Attachment] = field(default_factory=list)


def timeline(matter: Matter) -> list[Step]:
    """Everything that happened to the matter and to what it is about, in the order it was recorded."""
    about = Q(about=name(matter)) | (Q(about=matter.about) if matter.about else Q(pk__in=[]))
    found = {e.pk: e for e in Event.objects.filter(about)}
    first = next((e for e in found.values() if e.type == "flows.opened"), None)
    found.update({e.pk: e for e in (events.chain(first) if first else [])})
    rows = [found[pk] for pk in sorted(found)]
    actors = Account.objects.filter(username__in={e.actor for e in rows if e.actor})
    names = dict(actors.values_list("username", "name"))
    files: dict[int | None, list[Attachment]] = {}
    for attached in matter.attachments.order_by("pk"):
        files.setdefault(attached.event_id, []).append(attached)
    spec = versions.spec_of(matter)
    return [Step(e.pk, e.cause_id, e.at, e.type, sentence(e, spec), names.get(e.actor, e.actor), _note(e),
                 _form(spec, e), files.get(e.pk, [])) for e in rows]


def sentence(event: Event, spec: FlowSpec | None = None) -> str:
    """What the event says, in the reader's language; an event nobody words is told by its declared meaning."""
    say = _SAY.get(event.type)
    if say is None:
        return gettext(events.types().get(event.type, event.type))
    return say({**event.data, **(_in_english(event.data, spec) if spec and get_language() == "en" else {})})


def _in_english(data: dict[str, Any], spec: FlowSpec) -> dict[str, str]:
    """The titles of state and act as the matter's own version gives them in English."""
    state, act = spec.states.get(str(data.get("state"))), _act(spec, str(data.get("act")))
    found = {"state_title": state.title_en if state else "", "act_title": act.title_en if act else ""}
    return {k: v for k, v in found.items() if v}


def _act(spec: FlowSpec, act: str) -> Act | None:
    return next((s.acts[act] for s in spec.states.values() if act in s.acts), None)


def _titled(kind: str, key: str) -> str:
    spec = next((s for s in content.every(kind) if s.key == key or s.id == key), None)
    if spec is None:
        return key
    return spec.title_en if get_language() == "en" and spec.title_en else str(spec.title)


def moment(iso: str | None) -> str:
    """An ISO moment as the reader's clock shows it; "" for none."""
    parsed = parse_datetime(iso) if iso else None
    return date_format(localtime(parsed), "Y-m-d H:i") if parsed else ""


def _opened(d: dict[str, Any]) -> str:
    return gettext("开出事项:%(enterprise)s %(title)s") % d


def _entered(d: dict[str, Any]) -> str:
    if not d.get("role"):
        return gettext("进入“%(state_title)s”") % d
    facts = {**d, "who": _titled("roles", d["role"]), "until": moment(d.get("due_at"))}
    if facts["until"]:
        return gettext("进入“%(state_title)s”,由%(who)s在 %(until)s 前办理") % facts
    return gettext("进入“%(state_title)s”,由%(who)s办理") % facts


def _escalated(d: dict[str, Any]) -> str:
    return gettext("仍未办理,升级到第 %(rung)s 级:呼叫%(post)s") % {**d, "post": _titled("roles", d["to"])}


def _releveled(d: dict[str, Any]) -> str:
    facts = {**d, "alert": _titled("levels", d["alert"]), "level": _titled("levels", d["level"])}
    if d["before"] == d["level"]:
        return gettext("报警变为%(alert)s,事项仍按%(level)s办理") % facts
    return gettext("报警升为%(alert)s,时限随之缩短") % facts


def _told(d: dict[str, Any]) -> str:
    return gettext("已通知 %(people)s") % {"people": "、".join(d.get("people", []))}


def _called(d: dict[str, Any]) -> str:
    facts = {**d, "people": "、".join(d.get("people", [])), "until": moment(d.get("until"))}
    return gettext("呼叫%(post)s(在岗:%(people)s),须在 %(until)s 前复诵") % facts


def _level(d: dict[str, Any]) -> str:
    return _titled("levels", str(d.get("level", "")))


_SAY: dict[str, Callable[[dict[str, Any]], str]] = {
    "rules.alert_raised": lambda d: gettext("研判报警(%(level)s):%(title)s") % {
        "level": _level(d), "title": d.get("title") or _titled("rules", str(d.get("rule", "")))},
    "rules.alert_upgraded": lambda d: gettext("报警升级为%(level)s") % {"level": _level(d)},
    "rules.alert_downgraded": lambda d: gettext("报警降为%(level)s") % {"level": _level(d)},
    "rules.alert_cleared": lambda d: gettext("读数恢复,报警结束"),
    "rules.alert_acknowledged": lambda d: gettext("已确认知悉报警"),
    "flows.opened": _opened,
    "flows.entered": _entered,
    "flows.acted": lambda d: gettext("办理:%(act_title)s") % d,
    "flows.delegated": lambda d: gettext("委托 %(to_name)s 办理") % d,
    "flows.overdue": lambda d: gettext("“%(state_title)s”超过办理时限") % d,
    "flows.escalated": _escalated,
    "flows.unheard": lambda d: gettext("升级到顶仍无人应答"),
    "flows.releveled": _releveled,
    "flows.closed": lambda d: gettext("事项办结:%(state_title)s") % d,
    "notify.told": _told,
    "notify.called": _called,
    "notify.read_back": lambda d: gettext("%(post)s已复诵:“%(text)s”") % d,
    "notify.unanswered": lambda d: gettext("%(post)s到时未复诵") % d,
    "notify.nobody_on_duty": lambda d: gettext("%(post)s无人在岗") % {**d, "post": d.get("post") or _titled(
        "roles", str(d.get("to", "")))},
    "notify.nobody_to_tell": lambda d: gettext("没有可通知的%(who)s账号") % {
        "who": _titled("roles", str(d.get("role", "")))},
    "notify.undelivered": lambda d: gettext("发送失败(%(channel)s),已停止重试") % d,
}


def _note(event: Event) -> str:
    """What stands beside the sentence: a reason, a flag."""
    return str(event.data.get("reason") or (event.type == "flows.acted" and event.data.get("flagged")) or "")


def _form(spec: FlowSpec, event: Event) -> list[tuple[str, str]]:
    """The filled-in fields of an act, titled as its form was in the matter's own version."""
    if event.type != "flows.acted":
        return []
    step = _act(spec, event.data["act"])
    return filled(step, event.data.get("form", {})) if step else []


def filled(step: Act, values: dict[str, Any]) -> list[tuple[str, str]]:
    """Title and shown value of every field that was filled in."""
    english = get_language() == "en"
    out = []
    for asked in step.form:
        if asked.id not in values:
            continue
        options = asked.options_en if english and asked.options_en else asked.options
        value = values[asked.id]
        shown = "、".join(options.get(str(v), str(v)) for v in (value if isinstance(value, list) else [value]))
        out.append((asked.title_en if english and asked.title_en else asked.title, f"{shown}{asked.unit}"))
    return out
