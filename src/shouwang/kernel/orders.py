"""Changing dated values: one person proposes with basis and reason, another approves. What was is never overwritten."""

import json
import math
from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from . import access, clock, events, params
from .errors import BadInput, ContentError, NotAllowed
from .models import Account, Param

PROPOSE, APPROVE = "params.propose", "params.approve"
MARKS = {"V": "已与原文核对", "M": "凭记忆,待核", "D": "本系统默认"}
COUNTRY = "cn"

events.declares(
    params__proposed="提出参数修改",
    params__approved="批准参数修改",
    params__rejected="驳回参数修改",
)


def region_of(locality: str) -> str:
    """'cn_3708' → '3708'; 'cn' → ''; anything else is BadInput."""
    head, _sep, code = locality.partition("_")
    if head != COUNTRY or (code and not code.isdecimal()) or len(code) not in (0, 2, 4, 6, 9, 12):
        raise BadInput(f"适用地区写法应如 cn 或 cn_3708,而不是 {locality[:20]!r}")
    return code


def reaches(account: Account, permission: str, locality: str) -> bool:
    """Whether the permission is held over the whole locality: grants bound to a line or an enterprise do not count."""
    code = region_of(locality)
    return any(code.startswith(g.region) and not g.line and g.subject is None
               for g in access.holding(account, permission))


def localities(account: Account, permission: str = PROPOSE) -> list[str]:
    """The widest localities in which the person may do it: one a grant."""
    grants = [g for g in access.holding(account, permission) if not g.line and g.subject is None]
    return sorted({params.of_region(g.region) for g in grants}, key=lambda p: (len(p), p))


def typed(path: str, text: str, now: Any) -> Any:
    """What was typed as a value of the same shape as the one in force; BadInput says what differs."""
    text = text.strip()
    if isinstance(now, str) and not text.startswith('"'):
        value: Any = text
    else:
        value = _json(text)
    _same_shape(path, value, now)
    return value


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_not_finite)
    except (ValueError, RecursionError):
        raise BadInput('值应是 JSON,如 85、"30m" 或 {"red": "30m"}') from None


def _not_finite(word: str) -> Any:
    raise ValueError(word)


def _same_shape(where: str, value: Any, now: Any) -> None:
    if isinstance(now, dict):
        _same_keys(where, value, now)
    elif isinstance(now, list):
        if not isinstance(value, list) or not value:
            raise BadInput(f"{where} 应是列表,且不能空")
        for n, item in enumerate(value):
            _same_shape(f"{where} 第 {n + 1} 项", item, now[min(n, len(now) - 1)] if now else item)
    elif isinstance(now, str):
        _same_text(where, value, now)
    elif isinstance(now, bool):
        if not isinstance(value, bool):
            raise BadInput(f"{where} 应是 true 或 false")
    elif not _is_number(value):
        raise BadInput(f"{where} 应是数字,如 {json.dumps(now)}")


def _same_keys(where: str, value: Any, now: dict[str, Any]) -> None:
    if not isinstance(value, dict):
        raise BadInput(f"{where} 应是 {{…}} 的形式,各项为:{'、'.join(now)}")
    missing, extra = [k for k in now if k not in value], [k for k in value if k not in now]
    if missing or extra:
        told = [f"缺少 {'、'.join(missing)}"] * bool(missing) + [f"多出 {'、'.join(extra)[:80]}"] * bool(extra)
        raise BadInput(f"{where} 的各项要与现在一致:{';'.join(told)}")
    for key, old in now.items():
        _same_shape(f"{where}.{key}", value[key], old)


def _same_text(where: str, value: Any, now: str) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= 200:
        raise BadInput(f"{where} 应是 1–200 字的文字,如 {now}")
    if _is_span(now) and not _is_span(value):
        raise BadInput(f"{where} 应是时长,写法如 30s、15m、2h、90d,而不是 {value[:20]!r}")


def _is_span(text: str) -> bool:
    try:
        return bool(clock.span(text)) and len(text) <= 7
    except (ValueError, OverflowError):
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and abs(value) < 1e12


@transaction.atomic
def propose(account: Account, path: str, *, locality: str, since: date, value: str, basis: str, mark: str,
            reason: str) -> Param:
    """A value from a day in a place, waiting for another person's approval; it changes nothing yet."""
    if path not in params.paths():
        raise BadInput(f"没有参数 {path[:120]}")
    if not reaches(account, PROPOSE, locality):
        raise NotAllowed("不能为您辖区以外的地区提出修改")
    now = _model(path, locality)
    _check(since, basis, mark, reason)
    wanted = typed(now.title or path, value, now.value)
    row = Param.objects.create(path=path, locality=locality, since=since, value=wanted,
                               unit=now.unit, basis=basis.strip(), mark=mark, reason=reason.strip(),
                               proposed_by=account.username)
    _tell("proposed", row, account, was=now.value)
    return row


def _model(path: str, locality: str) -> params.Dated:
    """The value whose shape a new one must have: in force there, else any that was ever declared."""
    try:
        return params.lookup(path, clock.today(), locality)
    except ContentError:
        return params.history(path)[0]


def _check(since: date, basis: str, mark: str, reason: str) -> None:
    if since < clock.today():
        raise BadInput("生效日不能早于今天:已经作出的判断不追改")
    if not 0 < len(basis.strip()) <= 200:
        raise BadInput("请写明依据(文件、条款),最多 200 字")
    if mark not in MARKS:
        raise BadInput("请选择依据的可靠程度")
    if not 0 < len(reason.strip()) <= 200:
        raise BadInput("请写明修改理由,最多 200 字")


def pending(account: Account) -> "QuerySet[Param]":
    """Proposals waiting in the places this person can see params of, newest first."""
    regions = [g.region for g in access.holding(account, "params.see")]
    rows = Param.objects.filter(approved_by="").order_by("-id")
    return rows.filter(locality__in=_seen(rows, regions))


def _seen(rows: "QuerySet[Param]", regions: Iterable[str]) -> list[str]:
    """Of the localities with proposals, those on the way up from a region or below it."""
    known = list(regions)
    return [p for p in rows.values_list("locality", flat=True).distinct()
            if any((code := p.partition("_")[2]).startswith(r) or r.startswith(code) for r in known)]


@transaction.atomic
def approve(account: Account, row: Param) -> Param:
    """Another person puts the value in force; the limits compiled from it follow by themselves."""
    _second_eyes(account, row)
    if row.since < clock.today():
        raise BadInput("拟定的生效日已过;请驳回并重新提出")
    if Param.objects.filter(path=row.path, locality=row.locality, since=row.since).exclude(approved_by="").exists():
        raise BadInput("同一天同一地区已有批准的值;请驳回并换一个生效日")
    claimed = Param.objects.filter(pk=row.pk, approved_by="").update(approved_by=account.username,
                                                                     approved_at=clock.now())
    if not claimed:
        raise BadInput("这项修改已有人办理")
    row.refresh_from_db()
    _tell("approved", row, account, proposed_by=row.proposed_by)
    transaction.on_commit(params.refresh)
    return row


@transaction.atomic
def reject(account: Account, row: Param, reason: str) -> None:
    """Send a proposal away with a reason; its words stay in the audit trail. Who proposed may take it back."""
    if account.username != row.proposed_by:
        _second_eyes(account, row)
    if not 0 < len(reason.strip()) <= 200:
        raise BadInput("请写明驳回理由,最多 200 字")
    gone, _kinds = Param.objects.filter(pk=row.pk, approved_by="").delete()
    if not gone:
        raise BadInput("这项修改已有人办理")
    _tell("rejected", row, account, proposed_by=row.proposed_by, why=reason.strip())


def _second_eyes(account: Account, row: Param) -> None:
    if account.username == row.proposed_by:
        raise NotAllowed("提出人不能自己批准;请由另一位有批准权限的人办理")
    if not reaches(account, APPROVE, row.locality):
        raise NotAllowed("您没有在该地区批准参数的权限;请由本级有权限的人办理")


def _tell(what: str, row: Param, account: Account, **more: Any) -> None:
    events.emit(f"params.{what}", actor=account.username, about=f"param:{row.pk}", path=row.path, locality=row.locality,
                since=row.since.isoformat(), value=row.value, basis=row.basis, mark=row.mark, reason=row.reason, **more)
