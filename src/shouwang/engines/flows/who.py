"""Whose turn it is: who may act on a matter, and who may be asked to act in their place."""

from django.db.models import Q

from shouwang.kernel import access, content
from shouwang.kernel.models import Account

from .models import Matter

ACTING = ("matters.handle", "matters.verify")  # a role that may neither handle nor verify never acts on a matter
STAND_IN = {"matters.handle": ("matters.handle", "duty.answer"),
            "matters.verify": ("matters.verify", "matters.delegate")}


def acting(role: str) -> str:
    """The permission by which this role acts, or "" for a role that never acts (a grid member)."""
    if not role:
        return ""
    may = content.get("roles", role).may
    return next((p for p in ACTING if p in may), "")


def may_act(account: Account, matter: Matter) -> bool:
    """Whether it is this person's to act now: the role or its peer one tier up, within reach, or the delegate."""
    permission = acting(matter.role)
    if matter.closed_at is not None or not permission:
        return False
    if matter.delegate_id == account.pk:
        return suitable(account, matter)
    return access.reaches(account, permission, region=matter.region, top=matter.top_id, line=matter.line)


def suitable(account: Account, matter: Matter) -> bool:
    """Whether a person can stand in here: same side (this enterprise, or government over it), a fitting role."""
    role = content.get("roles", matter.role)
    wanted = STAND_IN[acting(matter.role)]
    for grant in access.grants(account):
        held = content.get("roles", grant.role)
        here = matter.region.startswith(grant.region) and (not grant.line or grant.line == matter.line)
        own = grant.subject == matter.top_id if role.reach == "enterprise" else grant.subject in (None, matter.top_id)
        if here and own and held.government == role.government and any(p in held.may for p in wanted):
            return True
    return False


def turn_of(account: Account) -> Q:
    """The open matters whose turn is this person's: own role within each grant, or delegated to them."""
    wanted = Q(delegate=account)
    for grant in access.grants(account):
        if not acting(grant.role):
            continue
        here = Q(role=grant.role, delegate=None, region__startswith=grant.region)
        if grant.subject is not None:
            here &= Q(top=grant.subject)
        if grant.line:
            here &= Q(line__in=["", grant.line])
        wanted |= here
    return wanted & Q(closed_at=None)
