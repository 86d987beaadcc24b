"""Duty posts and their rosters, and notices that are delivered, read and read back."""

from typing import ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from shouwang.kernel.models import Account, Event


class Post(models.Model):
    """值守: a duty desk of an enterprise, town, county or city. Calls go to the post; its shift answers."""

    name = models.CharField(max_length=80)
    role = models.CharField(max_length=40)  # the role its duty serves: town_duty, county_duty, city_duty …
    region = models.CharField(max_length=12, blank=True, db_index=True)
    subject = models.BigIntegerField(null=True)  # an enterprise's own post
    phone = models.CharField(max_length=20, blank=True)
    sample = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name


class Shift(models.Model):
    """One person at one post from … until …"""

    post = models.ForeignKey(Post, models.CASCADE, related_name="shifts")
    account = models.ForeignKey(Account, models.PROTECT, related_name="shifts")
    starts = models.DateTimeField(db_index=True)
    ends = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.post} {self.account}"


class Notice(models.Model):
    """A message to a person or a post about a matter. "Sent" is not "known": some must be read back."""

    to = models.ForeignKey(Account, models.PROTECT, null=True, related_name="notices")
    post = models.ForeignKey(Post, models.PROTECT, null=True, related_name="notices")
    text = models.CharField(max_length=300)
    level = models.CharField(max_length=10, blank=True)
    about = models.CharField(max_length=40, blank=True, db_index=True)  # "matter:7"
    subject = models.BigIntegerField(null=True)
    region = models.CharField(max_length=12, blank=True)
    status = models.CharField(max_length=10, default="actual")  # actual | exercise
    created_at = models.DateTimeField(db_index=True)
    read_at = models.DateTimeField(null=True)
    must_read_back = models.BooleanField(default=False)
    read_back_until = models.DateTimeField(null=True)
    read_back_at = models.DateTimeField(null=True)
    read_back_by = models.CharField(max_length=60, blank=True)
    read_back_text = models.CharField(max_length=200, blank=True)
    unanswered = models.BooleanField(default=False)
    data = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    last = models.ForeignKey(Event, models.PROTECT, null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["to"], condition=models.Q(read_at=None), name="notice_unread"),
            models.Index(fields=["read_back_until"], name="notice_waiting",
                         condition=models.Q(must_read_back=True, read_back_at=None, unanswered=False)),
        ]

    def __str__(self) -> str:
        return self.text


class Delivery(models.Model):
    """The outbox: one row a notice and channel; claimed, tried, retried with back-off, sent once."""

    notice = models.ForeignKey(Notice, models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=20)  # webhook | smtp
    address = models.CharField(max_length=300)
    hook = models.ForeignKey("Hook", models.SET_NULL, null=True)  # whose secret signs it
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    gave_up_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["notice", "channel", "address"], name="one_delivery_per_channel")
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="delivery_waiting",
                         condition=models.Q(sent_at=None, gave_up_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.channel} → {self.address}"


class Hook(models.Model):
    """A webhook a city registers: which region and levels it wants; the body is signed with its secret."""

    name = models.CharField(max_length=60)
    url = models.URLField(max_length=300)
    secret = models.CharField(max_length=80)
    region = models.CharField(max_length=12, blank=True)
    levels = models.JSONField(default=list)
    enabled = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name
