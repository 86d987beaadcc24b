"""Making accounts and giving or taking grants. Nobody gives more than they hold, or further than they reach.

Whoever may set another's password could act as that person, so an account can only be changed by somebody who
could have given all of its grants.
"""

import secrets
from datetime import date
from typing import Any

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from shouwang.engines.subjects.models import Region, Subject
from shouwang.kernel import access, clock, content, events
from shouwang.kernel.access import Role
from shouwang.kernel.errors import BadInput, ContentError, NotAllowed
from shouwang.kernel.models import Account, Grant

EDIT = "accounts.edit"
# Acts of an enterprise or of a desk. Supervisors are kept from them on purpose, so those who appoint may give them
# without holding them; over other accounts and over limits they give no power.
DUTIES = frozenset({"matters.handle", "duty.answer"})

events.declares(
    accounts__created="新建账号",
    accounts__switched_off="停用账号",
    accounts__switched_on="启用账号",
    accounts__unlocked="解除锁定",
    accounts__password_reset="重置密码",
    accounts__second_factor_cleared="解除他人的二次验证",
    accounts__granted="授权",
    accounts__grant_removed="撤销授权",
)


def in_reach(account: Account) -> "QuerySet[Account]":
    """Accounts with at least one grant where this person manages accounts; those without any for who reaches all."""
    held = access.holding(account, EDIT)
    if any(not (g.region or g.subject or g.line) for g in held):
        return Account.objects.all()
    wanted = Q(pk__in=[])
    for g in held:
        here = Q(region__startswith=g.region)
        here &= Q(subject=g.subject) if g.subject is not None else Q()
        wanted |= here & (Q(line=g.line) if g.line else Q())
    return Account.objects.filter(pk__in=Grant.objects.filter(wanted).values("account"))


def _covers(held: Grant, region: str, line: str, subject: int | None) -> bool:
    return (region.startswith(held.region) and held.subject in (None, subject) and held.line in ("", line))


def may_grant(account: Account, role: Role, region: str, line: str = "", subject: int | None = None) -> bool:
    """Whether the granter holds every permission of the role there (duties apart), and manages accounts there."""
    wanted = (set(role.may) - DUTIES) | {EDIT}
    return all(any(_covers(g, region, line, subject) for g in access.holding(account, p)) for p in wanted)


def may_change(account: Account, other: Account) -> bool:
    """Whether all grants of the other could have been given by this person. Nobody changes their own account here."""
    return account.pk != other.pk and all(
        may_grant(account, content.get("roles", g.role), g.region, g.line, g.subject) for g in other.grants.all())


def _require(account: Account, other: Account) -> None:
    if account.pk == other.pk:
        raise NotAllowed(_("不能改动自己的账号;请由另一位管理员办理"))
    if not may_change(account, other):
        raise NotAllowed(_("该账号持有您没有的权限或超出您的辖区,不能改动;请联系上级管理员"))


def roles_for(account: Account) -> list[Role]:
    """Roles that this person can give somewhere."""
    places = [(g.region, g.line, g.subject) for g in access.holding(account, EDIT)]
    return [r for r in content.every("roles") if any(may_grant(account, r, *p) for p in places)]


def new_password() -> str:
    """A password for one use: 12 characters without look-alikes."""
    return "".join(secrets.choice("abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789") for _n in range(12))


@transaction.atomic
def create(account: Account, given: dict[str, Any]) -> tuple[Account, str]:
    """A new account with its first grant and a password to be changed at first use; both are returned."""
    person = _person(given)
    password = new_password()
    made = Account.objects.create_user(password=password, must_change_password=True, **person)
    events.emit("accounts.created", actor=account.username, about=f"account:{made.pk}", username=made.username,
                name=made.name)
    grant(account, made, given)
    return made, password


def _person(given: dict[str, Any]) -> dict[str, str]:
    facts = {n: str(given.get(n, "")).strip() for n in ("username", "name", "phone", "email")}
    try:
        UnicodeUsernameValidator()(facts["username"])
    except ValidationError:
        raise BadInput(_("账号只能用字母、数字和 @ . + - _")) from None
    if not 3 <= len(facts["username"]) <= 60:
        raise BadInput(_("账号应为 3–60 位"))
    if Account.objects.filter(username__iexact=facts["username"]).exists():
        raise BadInput(_("账号“%(name)s”已存在;请换一个") % {"name": facts["username"]})
    if not 0 < len(facts["name"]) <= 60:
        raise BadInput(_("姓名必须填写,最多 60 字"))
    if len(facts["phone"]) > 20:
        raise BadInput(_("电话最多 20 位"))
    try:
        validate_email(facts["email"]) if facts["email"] else None
    except ValidationError:
        raise BadInput(_("邮箱写法不对")) from None
    return facts


@transaction.atomic
def grant(account: Account, other: Account, given: dict[str, Any]) -> Grant:
    """Give a role in a place; NotAllowed beyond what the granter holds and reaches, BadInput when it cannot be."""
    if account.pk == other.pk:
        raise NotAllowed(_("不能给自己授权;请由另一位管理员办理"))
    role, wanted = _role(given), _wanted(given)
    if role.reach == "enterprise" and wanted["subject"] is None:
        raise BadInput(_("“%(role)s”要指定企业") % {"role": role.title})
    if not may_grant(account, role, wanted["region"], wanted["line"], wanted["subject"]):
        raise NotAllowed(_("不能授予“%(role)s”:它含有您没有的权限,或超出您的辖区、行业、企业范围")
                         % {"role": role.title})
    credential, until = _credential(role, given)
    if other.grants.filter(role=role.id, **wanted).exists():
        raise BadInput(_("已有同样的授权"))
    made = Grant.objects.create(account=other, role=role.id, credential=credential, valid_until=until, **wanted)
    events.emit("accounts.granted", actor=account.username, about=f"account:{other.pk}", subject=made.subject,
                username=other.username, role=role.id, region=made.region, line=made.line,
                until=until.isoformat() if until else "")
    return made


def _role(given: dict[str, Any]) -> Role:
    try:
        found: Role = content.get("roles", str(given.get("role", "")))
    except ContentError:
        raise BadInput(_("请选择角色")) from None
    return found


def _wanted(given: dict[str, Any]) -> dict[str, Any]:
    """Region, line and enterprise of a grant; an enterprise brings its own region."""
    line, region = str(given.get("line", "")), str(given.get("region", "")).strip()
    if line and line not in {s.id for s in content.every("lines")}:
        raise BadInput(_("没有这个行业"))
    code = str(given.get("enterprise", "")).strip().upper()
    if code:
        firm = Subject.objects.filter(kind="enterprise", code=code).first()
        if firm is None:
            raise BadInput(_("没有统一社会信用代码为 %(code)s 的企业") % {"code": code[:40]})
        return {"region": firm.region, "line": line, "subject": firm.pk}
    if region and not Region.objects.filter(code=region).exists():
        raise BadInput(_("没有区划代码 %(code)s") % {"code": region[:20]})
    return {"region": region, "line": line, "subject": None}


def _credential(role: Role, given: dict[str, Any]) -> tuple[str, date | None]:
    credential, typed = str(given.get("credential", "")).strip()[:60], str(given.get("valid_until", "")).strip()
    try:
        until = date.fromisoformat(typed) if typed else None
    except ValueError:
        raise BadInput(_("有效期写法如 2026-12-31")) from None
    if until is not None and until < clock.today():
        raise BadInput(_("有效期已过"))
    if role.needs_credential and not (credential and until):
        raise BadInput(_("“%(role)s”要填写证件号和有效期") % {"role": role.title})
    return credential, until


@transaction.atomic
def withdraw(account: Account, taken: Grant) -> None:
    """Take a grant away; the last one stays, for an account without any belongs to nobody's reach."""
    _require(account, taken.account)
    if taken.account.grants.count() == 1:
        raise BadInput(_("这是最后一项授权;不再需要该账号时请停用"))
    about = f"account:{taken.account_id}"
    events.emit("accounts.grant_removed", actor=account.username, about=about, subject=taken.subject,
                username=taken.account.username, role=taken.role, region=taken.region, line=taken.line)
    taken.delete()


@transaction.atomic
def switch(account: Account, other: Account, on: bool) -> None:
    """Switch an account on or off; off ends its sessions and tokens at once."""
    _require(account, other)
    if Account.objects.filter(pk=other.pk, is_active=not on).update(is_active=on):
        _tell("switched_on" if on else "switched_off", account, other)


@transaction.atomic
def unlock(account: Account, other: Account) -> None:
    """Let a locked-out person try again now."""
    _require(account, other)
    Account.objects.filter(pk=other.pk).update(failures=0, locked_until=None)
    _tell("unlocked", account, other)


@transaction.atomic
def reset_password(account: Account, other: Account) -> str:
    """A new password for one use, returned; the person's sessions end."""
    _require(account, other)
    password = new_password()
    other.set_password(password)
    other.must_change_password, other.failures, other.locked_until = True, 0, None
    other.save(update_fields=["password", "must_change_password", "failures", "locked_until"])
    _tell("password_reset", account, other)
    return password


@transaction.atomic
def clear_second_factor(account: Account, other: Account) -> None:
    """For a lost phone: the next sign-in needs the password only."""
    _require(account, other)
    Account.objects.filter(pk=other.pk).update(totp_secret="")
    _tell("second_factor_cleared", account, other)


def _tell(what: str, account: Account, other: Account) -> None:
    events.emit(f"accounts.{what}", actor=account.username, about=f"account:{other.pk}", username=other.username)
