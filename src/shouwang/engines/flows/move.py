"""Open a matter and move it on: every step is claimed, checked, recorded with its cause, and told to the next."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from shouwang.engines.subjects.models import Subject
from shouwang.engines.subjects.spec import graver
from shouwang.kernel import access, clock, conditions, content, events, fields
from shouwang.kernel.errors import BadInput, NotAllowed
from shouwang.kernel.models import Account, Event

from . import climb, deadline, evidence, versions, who
from .enter import enter, facts, name, place, tell_entered
from .models import Attachment, Matter
from .spec import Act

__all__ = ["act", "climb", "delegate", "open_", "relevel", "start"]
STALE = "这件事项已被他人办理,请刷新页面看最新状态"


@events.action("flows.open")
def open_(*, event: Event, link: Any, flow: str, title: str = "") -> Matter | None:
    """Open a matter about what the event is about; one that is open already for the same flow stays as it is."""
    if event.subject is None:
        raise BadInput(f"事件 {event.type} 没有写明监管对象,不能派单")
    subject = Subject.objects.select_related("top").get(pk=event.subject)
    return _begin(key_of(flow, link.scene), subject, about=event.about, level=str(event.data.get("level", "")),
                  title=title or str(event.data.get("title", "")), status=str(event.data.get("status", "actual")))


def key_of(flow: str, scene: str) -> str:
    """`warning` in scene hazchem is hazchem.warning; a name with a dot is whole already."""
    return flow if "." in flow or not scene else f"{scene}.{flow}"


def start(key: str, subject: Subject, account: Account, *, title: str, level: str = "", about: str = "") -> Matter:
    """A person opens a matter: whoever may handle or verify there. An open one for the same thing is refused."""
    if not any(access.reaches(account, p, region=subject.region, top=subject.top_id, line=subject.line)
               for p in who.ACTING):
        raise NotAllowed("您在此地此企业没有处置或核查的权限,不能发起事项;如需办理,请联系本级管理员授权")
    with transaction.atomic():
        made = _begin(key, subject, about=about, level=level, title=title, actor=account.username)
    if made is None:
        raise BadInput("同一件事已经有一件未办结的事项;请在那一件里办理")
    return made


def _begin(key: str, subject: Subject, *, about: str, level: str, title: str, actor: str = "",
           status: str = "actual") -> Matter | None:
    spec = versions.current(key)
    now = clock.now()
    matter = Matter(spec=key, version=versions.pin(spec), scene=spec.scene, title=(title or spec.title)[:160],
                    about=about, subject=subject, top=subject.top or subject, region=subject.region,
                    line=subject.line, level=level, opened_at=now,
                    data={} if status == "actual" else {"status": status})
    place(matter, spec.start)
    try:
        with transaction.atomic():
            matter.save(force_insert=True)
    except IntegrityError:  # one is open for this already
        return None
    opened = events.emit("flows.opened", subject=subject.pk, scene=spec.scene, actor=actor, about=name(matter),
                         of=about, **facts(matter))
    tell_entered(matter, opened)
    return matter


def act(matter: Matter, act_id: str, account: Account, form: Mapping[str, Any] | None = None,
        files: Mapping[str, Sequence[evidence.Upload]] | None = None, revision: int | None = None) -> Matter:
    """One step by a person: NotAllowed if it is not theirs or no longer open, BadInput if the form will not do."""
    if revision is not None and revision != matter.revision:
        raise NotAllowed(STALE)
    if not who.may_act(account, matter):
        raise NotAllowed(_not_yours(matter))
    step = versions.state_of(matter).acts.get(act_id)
    if step is None:
        raise BadInput(f"“{versions.state_of(matter).title}”里没有“{act_id}”这一步;请刷新页面")
    given = fields.clean([f for f in step.form if f.type not in ("photo", "file")], dict(form or {}))
    looked = evidence.look(step.form, files or {})
    with transaction.atomic():
        claimed = _claim(matter)
        with events.because(claimed.last):
            _record(claimed, act_id, step, account, given, evidence.keep(claimed, looked, account.username))
            enter(claimed, step.to)
    return claimed


def _not_yours(matter: Matter) -> str:
    if matter.closed_at is not None:
        return "这件事项已经办结,不能再办"
    title = content.get("roles", matter.role).title
    return f"现在轮到{title}办理;您没有在此地此企业办理这一步的权限,如需代办请由其委托"


def _claim(matter: Matter) -> Matter:
    """The matter as it stands, ours until the transaction ends; if somebody was faster, NotAllowed."""
    ours = Matter.objects.filter(pk=matter.pk, state=matter.state, revision=matter.revision, closed_at=None).update(
        revision=matter.revision + 1)
    if not ours:
        raise NotAllowed(STALE)
    return Matter.objects.select_related("version", "top", "subject", "last").get(pk=matter.pk)


def _record(matter: Matter, act_id: str, step: Act, account: Account, given: dict[str, Any],
            kept: list[Attachment]) -> None:
    """Conditions asked, the act written down with what was filled in, the files tied to it."""
    if reason := _unmet(step.only_if, matter):
        raise NotAllowed(f"还不能“{step.title}”:{reason}")
    matter.flagged = _unmet(step.flag_if_not, matter)[:200]
    matter.data = {**matter.data, "forms": {**matter.data.get("forms", {}), act_id: given}}
    matter.save(update_fields=["flagged", "data"])
    event = events.emit(
        "flows.acted", subject=matter.subject_id, scene=matter.scene, actor=account.username, about=name(matter),
        remember=matter, act=act_id, act_title=step.title, form=given, **facts(matter),
        files=[{"id": a.pk, "name": a.name, "field": a.field, "sha256": a.sha256} for a in kept])
    Attachment.objects.filter(pk__in=[a.pk for a in kept]).update(event=event)


def _unmet(names: list[str], matter: Matter) -> str:
    """Why the conditions do not hold; a matter that is about nothing has nothing to ask of."""
    reasons = [conditions.unmet(n, matter.about) for n in names] if matter.about else []
    return ";".join(r for r in reasons if r)


def delegate(matter: Matter, account: Account, to: Account, reason: str) -> Matter:
    """Somebody else is to act in this state, until it is left: same side, fitting role, with a reason."""
    if not who.may_act(account, matter) or matter.delegate_id == account.pk:
        raise NotAllowed(_not_yours(matter))
    access.require(account, "matters.delegate", region=matter.region, top=matter.top_id, line=matter.line)
    if not reason.strip():
        raise BadInput("请写明委托的理由")
    if to.pk == account.pk or not who.suitable(to, matter):
        raise BadInput(f"不能委托给{to.name}:须是本企业(或本辖区)有相应岗位的其他人员")
    with transaction.atomic():
        ours = Matter.objects.filter(pk=matter.pk, state=matter.state, revision=matter.revision, closed_at=None)
        if not ours.update(delegate=to):
            raise NotAllowed(STALE)
        matter = Matter.objects.select_related("version", "top", "subject", "last").get(pk=matter.pk)
        with events.because(matter.last):
            events.emit("flows.delegated", subject=matter.subject_id, scene=matter.scene, actor=account.username,
                        about=name(matter), remember=matter, reason=reason.strip()[:200], to_name=to.name,
                        **facts(matter))
    return matter


@events.action("flows.relevel")
def relevel(*, event: Event, link: Any, flow: str = "") -> int:
    """The alert got graver or milder: level and deadlines follow upwards only, both are noted. Returns how many."""
    found = Matter.objects.filter(about=event.about, closed_at=None).exclude(about="")
    if flow:
        found = found.filter(spec=key_of(flow, link.scene))
    matters = list(found.select_related("version", "top").select_for_update(of=("self",)))
    for matter in matters:
        _relevel(matter, str(event.data.get("level", "")))
    return len(matters)


def _relevel(matter: Matter, level: str) -> None:
    """A milder alert never gives more time; a graver one shortens what is still to run, counted from the start."""
    before, state = matter.level, versions.state_of(matter)
    matter.level = graver(level, before)
    if matter.level != before:
        since = matter.entered_at
        due = deadline.due(state, since, matter.level, matter.region)
        rung = deadline.next_rung(state, matter.rung, since, matter.level, matter.region)
        matter.due_at = min(filter(None, [due, matter.due_at]), default=None)
        matter.climb_at = min(filter(None, [rung, matter.climb_at]), default=None)
        matter.save(update_fields=["level", "due_at", "climb_at"])
    events.emit("flows.releveled", subject=matter.subject_id, scene=matter.scene, about=name(matter),
                remember=matter, before=before, alert=level, **facts(matter))


# What the static check of loops must know: which events an action itself can send.
open_.emits = ("flows.opened", "flows.entered", "flows.closed")  # type: ignore[attr-defined]
relevel.emits = ("flows.releveled",)  # type: ignore[attr-defined]
