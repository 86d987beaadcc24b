"""The registry: regions, everything supervised, and the points that are measured on it."""

from typing import ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models


class Region(models.Model):
    """属地: province, city, county (GB/T 2260), town and grid. Codes drop trailing zeros, so prefix is descent."""

    code = models.CharField(max_length=12, unique=True)  # 37 / 3708 / 370829 / 370829001 / 370829001002
    name = models.CharField(max_length=60)
    tier = models.CharField(max_length=10)  # province city county town grid
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="parts")
    lon = models.FloatField(null=True)  # a point inside, WGS-84 / CGCS2000
    lat = models.FloatField(null=True)

    def __str__(self) -> str:
        return self.name


class Subject(models.Model):
    """监管对象: enterprise, facility, tank group, tank, mine, working face, person, camera … of a declared kind."""

    kind = models.CharField(max_length=30, db_index=True)  # catalog/kinds.yaml or a scene's kinds.yaml
    code = models.CharField(max_length=64)  # enterprise: unified social credit code; else unique under its kind
    name = models.CharField(max_length=120)
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="parts")
    top = models.ForeignKey("self", models.PROTECT, null=True, related_name="family")  # its enterprise; self there
    region = models.CharField(max_length=12, db_index=True)  # most specific code known
    line = models.CharField(max_length=40, blank=True, db_index=True)  # industry line: hazchem, coal …
    facts = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    status = models.CharField(max_length=20, default="running")  # running | stopped | maintenance | closed
    sample = models.BooleanField(default=False)  # 样例
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["kind", "code"], name="one_code_per_kind")]

    def __str__(self) -> str:
        return self.name

    @property
    def locality(self) -> str:
        """Where its params are looked up."""
        return f"cn_{self.region}" if self.region else "cn"


class Point(models.Model):
    """点位: one measured quantity of one subject. Limits are in `unit`; comparison is exact in 10**-digits units."""

    subject = models.ForeignKey(Subject, models.PROTECT, related_name="points")
    code = models.CharField(max_length=64, unique=True)  # 位号, unique in the deployment
    name = models.CharField(max_length=120)
    quantity = models.CharField(max_length=30, db_index=True)  # catalog/quantities.yaml
    unit = models.CharField(max_length=20)
    digits = models.SmallIntegerField(default=2)  # resolution: readings are integers of 10**-digits units
    range_low = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    range_high = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    ll = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    l = models.DecimalField(max_digits=14, decimal_places=4, null=True)  # noqa: E741  the field's own word: L
    h = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    hh = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    deadband = models.DecimalField(max_digits=14, decimal_places=4, default=0)
    on_delay_s = models.DecimalField(max_digits=8, decimal_places=1, default=0)
    off_delay_s = models.DecimalField(max_digits=8, decimal_places=1, default=0)
    facts = models.JSONField(default=dict, encoder=DjangoJSONEncoder)  # e.g. {"place": "T1"} for methane
    owner = models.CharField(max_length=60, blank=True)  # who looks after the instrument
    enabled = models.BooleanField(default=True)
    sample = models.BooleanField(default=False)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.code} {self.name}"
