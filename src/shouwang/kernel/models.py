"""What the kernel keeps: events (audit trail and bus in one), dated values, spec versions, accounts."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models


class Event(models.Model):
    """Something that happened. Append-only by database trigger: the audit trail and the bus are one table."""

    at = models.DateTimeField(db_index=True)
    type = models.CharField(max_length=60)
    subject = models.BigIntegerField(null=True)
    scene = models.CharField(max_length=40, blank=True)
    actor = models.CharField(max_length=60, blank=True)
    about = models.CharField(max_length=40, blank=True)  # "alert:12", "matter:7": the row it is about
    cause = models.ForeignKey("self", models.PROTECT, null=True, related_name="effects")
    data = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["type", "at"]),
            models.Index(fields=["subject", "at"]),
            models.Index(fields=["about"]),
        ]

    def __str__(self) -> str:
        return f"E{self.pk} {self.type}"


class Errand(models.Model):
    """A `soon` link waiting to run: claimed by conditional update, retried, never lost, never doubled."""

    event = models.ForeignKey(Event, models.PROTECT, related_name="errands")
    link = models.CharField(max_length=80)
    due_at = models.DateTimeField(db_index=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True, db_index=True)
    error = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["event", "link"], name="one_errand_per_link")]

    def __str__(self) -> str:
        return f"{self.link} ← E{self.event_id}"


class Param(models.Model):
    """A dated value edited in the console: from a day, in a place, with basis and approver."""

    path = models.CharField(max_length=120)
    locality = models.CharField(max_length=20, default="cn")
    since = models.DateField()
    value = models.JSONField(encoder=DjangoJSONEncoder)
    unit = models.CharField(max_length=20, blank=True)
    basis = models.CharField(max_length=200)
    mark = models.CharField(max_length=1, default="D")  # V verified, M from memory (待核), D our default
    reason = models.CharField(max_length=200, blank=True)
    proposed_by = models.CharField(max_length=60)
    approved_by = models.CharField(max_length=60, blank=True)
    approved_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["path", "locality", "since"], condition=~models.Q(approved_by=""), name="one_value_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.path}@{self.locality} {self.since}"


class SpecVersion(models.Model):
    """The text of a declaration as it stood: an open matter finishes under the version it began with."""

    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=80)
    digest = models.CharField(max_length=64)
    body = models.JSONField()
    first_seen = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["kind", "key", "digest"], name="one_spec_version")]

    def __str__(self) -> str:
        return f"{self.key}#{self.pk}"


class AccountManager(BaseUserManager["Account"]):
    """Accounts are made with a hashed password and nothing else."""

    def create_user(self, username: str, password: str | None = None, **facts: Any) -> "Account":
        account = self.model(username=username, **facts)
        account.set_password(password)
        account.save(using=self._db)
        return account


class Account(AbstractBaseUser):
    """A person who logs in. What they may do is in their grants, never in a flag here."""

    username = models.CharField(max_length=60, unique=True)
    name = models.CharField(max_length=60)
    phone = models.CharField(max_length=20, blank=True)
    email = models.EmailField(blank=True)
    language = models.CharField(max_length=10, default="zh-hans")
    is_active = models.BooleanField(default=True)
    totp_secret = models.CharField(max_length=64, blank=True)
    totp_last = models.BigIntegerField(default=0)  # last accepted time step: a code works once
    failures = models.PositiveSmallIntegerField(default=0)
    locked_until = models.DateTimeField(null=True)
    must_change_password = models.BooleanField(default=False)
    sample = models.BooleanField(default=False)

    USERNAME_FIELD = "username"
    objects: ClassVar[AccountManager] = AccountManager()

    def __str__(self) -> str:
        return self.name


class Grant(models.Model):
    """A role held in a place: region code prefix × industry line × one enterprise, while the credential is valid."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="grants")
    role = models.CharField(max_length=40)  # catalog/roles.yaml
    region = models.CharField(max_length=12, blank=True)  # "3708", "370829", "370829001"; blank = everywhere
    line = models.CharField(max_length=40, blank=True)  # industry line; blank = all
    subject = models.BigIntegerField(null=True)  # one enterprise; null = all in region and line
    credential = models.CharField(max_length=60, blank=True)
    valid_until = models.DateField(null=True)

    def __str__(self) -> str:
        return f"{self.account_id} {self.role}@{self.region or '*'}"


class ApiToken(models.Model):
    """A program's credential: acts with its account's grants; kept as a SHA-256 hash, shown once."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=60)
    hash = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
