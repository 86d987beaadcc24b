"""A person's notices: their own, and those of the post they sit at now."""

from django.db import transaction
from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404

from shouwang.kernel import clock
from shouwang.kernel.models import Account

from . import roster
from .models import Notice


def _for(account: Account) -> Q:
    return Q(to=account) | Q(post__in=roster.posts_of(account))


def notices(account: Account, *, unread: bool = False) -> QuerySet[Notice]:
    """The person's notices, newest first."""
    found = Notice.objects.filter(_for(account)).select_related("post")
    return (found.filter(read_at=None) if unread else found).order_by("-created_at", "-pk")


def unread(account: Account) -> int:
    """How many notices the person has not opened."""
    return notices(account, unread=True).count()


def one(account: Account, pk: int) -> Notice:
    """One notice of the person, or one of a post they may answer for; any other does not exist (404)."""
    notice = get_object_or_404(Notice.objects.select_related("post", "last"), pk=pk)
    if notice.to_id == account.pk or (notice.post is not None and roster.answers(account, notice.post)):
        return notice
    return get_object_or_404(Notice.objects.none(), pk=pk)


def to_read_back(account: Account) -> QuerySet[Notice]:
    """Calls that wait for this person's voice, most urgent first."""
    return notices(account).filter(must_read_back=True, read_back_at=None).order_by("read_back_until", "pk")


def mark_read(account: Account, pk: int) -> Notice:
    """The person has seen it; seeing a call is not answering it."""
    notice = one(account, pk)
    Notice.objects.filter(pk=notice.pk, read_at=None).update(read_at=clock.now())
    notice.refresh_from_db(fields=["read_at"])
    return notice


def mark_all_read(account: Account) -> int:
    """Everything addressed to the person by name is seen; calls to a post stay until they are read back."""
    with transaction.atomic():
        return Notice.objects.filter(to=account, read_at=None).update(read_at=clock.now())


def about(name: str) -> QuerySet[Notice]:
    """The notices about one row ("matter:7"), oldest first."""
    return Notice.objects.filter(about=name).select_related("to", "post").order_by("pk")
