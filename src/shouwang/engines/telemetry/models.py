"""Where readings come from: credentialed sources, and which address carries which point."""

from typing import ClassVar

from django.db import models

from shouwang.engines.subjects.models import Point, Subject


class Source(models.Model):
    """A device or gateway with its own credential. The token is kept as a SHA-256 hash; it is shown once."""

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=10, default="gateway")  # device | gateway
    token_hash = models.CharField(max_length=64, unique=True)
    enterprise = models.ForeignKey(Subject, models.PROTECT, null=True, related_name="sources")
    enabled = models.BooleanField(default=True)
    sample = models.BooleanField(default=False)
    made_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Channel(models.Model):
    """The address of a point: device name and key under a source (a plain device uses the source's own name)."""

    point = models.OneToOneField(Point, models.CASCADE, related_name="channel")
    source = models.ForeignKey(Source, models.PROTECT, related_name="channels")
    device = models.CharField(max_length=80)
    key = models.CharField(max_length=60)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source", "device", "key"], name="one_point_an_address")
        ]

    def __str__(self) -> str:
        return f"{self.device}/{self.key}"
