"""Matters in progress: a warning, a hidden danger, a permit, a case. State, person, deadline."""

from typing import ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from shouwang.engines.subjects.models import Subject
from shouwang.kernel.models import Account, Event, SpecVersion


class Matter(models.Model):
    """A matter that somebody closes. It finishes under the spec version it began with."""

    spec = models.CharField(max_length=80)  # scene.id
    version = models.ForeignKey(SpecVersion, models.PROTECT)
    scene = models.CharField(max_length=40)
    title = models.CharField(max_length=160)
    about = models.CharField(max_length=40, blank=True)  # what it is about: "alert:12"
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="matters")
    top = models.ForeignKey(Subject, models.PROTECT, related_name="family_matters")
    region = models.CharField(max_length=12, db_index=True)
    line = models.CharField(max_length=40, blank=True)
    level = models.CharField(max_length=10, blank=True)
    state = models.CharField(max_length=30)
    role = models.CharField(max_length=30)  # who must act now
    delegate = models.ForeignKey(Account, models.PROTECT, null=True, related_name="delegated")
    entered_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    overdue = models.BooleanField(default=False)  # in this state
    late = models.PositiveSmallIntegerField(default=0)  # how many states were not left in time
    rung = models.PositiveSmallIntegerField(default=0)  # how far the ladder of this state has been climbed
    climb_at = models.DateTimeField(null=True, db_index=True)  # when the next rung is due
    flagged = models.CharField(max_length=200, blank=True)  # e.g. handled while still over the limit
    opened_at = models.DateTimeField(db_index=True)
    closed_at = models.DateTimeField(null=True)
    end = models.CharField(max_length=30, blank=True)
    revision = models.PositiveIntegerField(default=0)  # every act claims state and revision: no lost update
    data = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    last = models.ForeignKey(Event, models.PROTECT, null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["closed_at", "overdue", "due_at"]),
                             models.Index(fields=["top", "closed_at"]),
                             models.Index(fields=["about"])]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["spec", "about"], condition=models.Q(closed_at=None) & ~models.Q(about=""),
                                    name="one_open_matter")
        ]

    def __str__(self) -> str:
        return f"M{self.pk} {self.title}"


class Attachment(models.Model):
    """A file handed in with an act: checked on upload, kept under its hash, never changed."""

    matter = models.ForeignKey(Matter, models.PROTECT, related_name="attachments")
    field = models.CharField(max_length=40)
    name = models.CharField(max_length=120)
    mime = models.CharField(max_length=60)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    by = models.CharField(max_length=60)
    at = models.DateTimeField()
    event = models.ForeignKey(Event, models.PROTECT, null=True)

    def __str__(self) -> str:
        return self.name
