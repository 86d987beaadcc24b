"""Alert episodes: what the rules found, as a state vector, with an append-only journal of every change."""

import json
from collections.abc import Iterable
from typing import Any, ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction

from shouwang.engines.subjects.models import Point, Subject
from shouwang.kernel.models import Event

from . import chain


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


class Journal(models.QuerySet["AlertChange"]):
    """Lines are appended through here and only here, so that none stands outside the chain of its alert.

    Who appends has written the alert's row before, in the same transaction: the chain is then nobody else's. Should two
    come together nevertheless, (alert, place) refuses the second.
    """

    def create(self, **facts: Any) -> "AlertChange":
        """Append one line."""
        return self.bulk_create([AlertChange(**facts)])[0]

    def bulk_create(self, objs: Iterable["AlertChange"], *given: Any, **more: Any) -> list["AlertChange"]:
        """Append lines, each holding to the last of its alert."""
        lines = list(objs)
        with transaction.atomic():
            heads = {pk: (place, hash_) for pk, place, hash_ in self._heads({x.alert_id for x in lines})}
            for x in lines:
                place, prev = heads.get(x.alert_id, (0, chain.FIRST))
                x.data = json.loads(json.dumps(x.data, cls=DjangoJSONEncoder))
                x.place, x.prev = place + 1, prev
                x.hash = chain.digest(x.record())
                heads[x.alert_id] = (x.place, x.hash)
            return super().bulk_create(lines, *given, **more)

    def _heads(self, alerts: set[int]) -> Iterable[tuple[int, int, str]]:
        """(alert, place, hash) of the last line of each of these alerts."""
        last = AlertChange.objects.filter(alert=models.OuterRef("pk")).order_by("-place")[:1]
        found = Alert.objects.filter(pk__in=alerts).annotate(
            last_place=models.Subquery(last.values("place")), last_hash=models.Subquery(last.values("hash")))
        return found.exclude(last_place=None).values_list("pk", "last_place", "last_hash")


class AlertChange(models.Model):
    """One line of the alarm journal: appended, never changed, holding to the line before by its hash.

    (rule, point, seq) makes a replay harmless.
    """

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
    place = models.PositiveIntegerField(default=0)  # 1, 2, … within the alert
    prev = models.CharField(max_length=64, blank=True)  # hash of the line before, "" for the first
    hash = models.CharField(max_length=64, blank=True)  # of `record()`

    objects = Journal.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["alert", "place"], name="one_line_a_place"),
            models.UniqueConstraint(fields=["rule", "point", "seq"], condition=models.Q(seq__isnull=False),
                                    name="one_line_a_transition")
        ]

    def __str__(self) -> str:
        return f"{self.kind} A{self.alert_id}"

    def record(self) -> chain.Record:
        """What the hash is of, and with it what the evidence file shows."""
        return {"alert": self.alert_id, "place": self.place, "rule": self.rule, "point": self.point, "seq": self.seq,
                "at": chain.utc(self.at), "recorded_at": chain.utc(self.recorded_at), "kind": self.kind,
                "tier": self.tier, "level": self.level, "value": None if self.value is None else float(self.value),
                "actor": self.actor, "note": self.note, "data": self.data, "prev": self.prev}


class Intake(models.Model):
    """How far the transition journal of an ingest process has been applied: moved in the same transaction."""

    name = models.CharField(max_length=40, unique=True)
    position = models.BigIntegerField(default=0)
    epoch = models.PositiveIntegerField(default=0)  # how often its journal was lost and begun anew

    def __str__(self) -> str:
        return f"{self.name}@{self.position}"
