"""Alert episodes: what the rules found, as a state vector, with an append-only journal of every change."""

from typing import ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from shouwang.engines.subjects.models import Point, Subject
from shouwang.kernel.models import Event


class Alert(models.Model):
    """系统研判: one episode, at most one open per rule and point. A vector of facts, not one status."""

    rule = models.CharField(max_length=80)  # scene.id
    scene = models.CharField(max_length=40)
    kind = models.CharField(max_length=12, default="limit")  # limit | no_data | range: quality has alarms of its own
    point = models.ForeignKey(Point, models.PROTECT, related_name="alerts")
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="alerts")
    top = models.ForeignKey(Subject, models.PROTECT, related_name="family_alerts")
    region = models.CharField(max_length=12, db_index=True)
    line = models.CharField(max_length=40, blank=True)
    # condition
    active = models.BooleanField(default=True)
    tier = models.SmallIntegerField()  # -2 LL, -1 L, 1 H, 2 HH (no_data and range: 1)
    level = models.CharField(max_length=10)  # blue yellow orange red: now (kept as last when cleared)
    highest = models.CharField(max_length=10)
    opened_at = models.DateTimeField(db_index=True)  # event time of the first over-limit reading
    raised_at = models.DateTimeField()  # event time at which the delay had run out
    recorded_at = models.DateTimeField()  # wall clock
    cleared_at = models.DateTimeField(null=True)  # event time
    first_value = models.FloatField(null=True)
    worst_value = models.FloatField(null=True)
    last_value = models.FloatField(null=True)
    limit_value = models.FloatField(null=True)
    unit = models.CharField(max_length=20, blank=True)
    basis = models.JSONField(default=dict)  # {text, mark, since, param?, approver?}: what was in force then
    quality = models.CharField(max_length=16, default="good")  # no data never clears: it shows here
    seq = models.BigIntegerField()  # last applied transition of the kernel for (point, rule)
    # acknowledgement, shelving, suppression, service
    acked_at = models.DateTimeField(null=True)
    acked_by = models.CharField(max_length=60, blank=True)
    shelved_until = models.DateTimeField(null=True)
    shelved_by = models.CharField(max_length=60, blank=True)
    shelved_reason = models.CharField(max_length=200, blank=True)
    suppressed_by = models.CharField(max_length=80, blank=True)
    out_of_service = models.CharField(max_length=80, blank=True)
    parked = models.CharField(max_length=10, blank=True)  # chatter | flood
    last = models.ForeignKey(Event, models.PROTECT, null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rule", "point"], condition=models.Q(active=True), name="one_open_episode")
        ]
        indexes: ClassVar = [models.Index(fields=["active", "level"]), models.Index(fields=["region", "opened_at"]),
                             models.Index(fields=["top", "active"])]

    def __str__(self) -> str:
        return f"A{self.pk} {self.rule}"


class AlertChange(models.Model):
    """One line of the alarm journal: appended, never changed. (rule, point, seq) makes a replay harmless."""

    alert = models.ForeignKey(Alert, models.PROTECT, related_name="changes")
    rule = models.CharField(max_length=80)
    point = models.BigIntegerField()
    seq = models.BigIntegerField(null=True)  # null for acts of people (ack, shelve)
    at = models.DateTimeField()  # event time, or the moment of the act
    recorded_at = models.DateTimeField()
    kind = models.CharField(max_length=16)  # of a transition, or acknowledged shelved unshelved
    tier = models.SmallIntegerField(null=True)
    level = models.CharField(max_length=10, blank=True)
    value = models.FloatField(null=True)
    actor = models.CharField(max_length=60, blank=True)
    note = models.CharField(max_length=200, blank=True)
    data = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rule", "point", "seq"], condition=models.Q(seq__isnull=False),
                                    name="one_line_a_transition")
        ]

    def __str__(self) -> str:
        return f"{self.kind} A{self.alert_id}"


class Intake(models.Model):
    """How far the transition journal of an ingest process has been applied: moved in the same transaction."""

    name = models.CharField(max_length=40, unique=True)
    position = models.BigIntegerField(default=0)
    epoch = models.PositiveIntegerField(default=0)  # how often its journal was lost and begun anew

    def __str__(self) -> str:
        return f"{self.name}@{self.position}"
