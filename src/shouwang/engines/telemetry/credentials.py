"""Credentials of sources: made, renewed, withdrawn. A token is shown once; only its SHA-256 is kept."""

import hashlib
import re
import secrets

from django.db import transaction

from shouwang.engines.subjects.models import Subject
from shouwang.kernel import events
from shouwang.kernel.errors import BadInput

from .models import Source

events.declares(
    telemetry__source_made="新增接入源",
    telemetry__token_renewed="接入源换了新令牌",
    telemetry__source_disabled="接入源停用",
    telemetry__source_enabled="接入源启用",
)
KINDS = {"device": "设备", "gateway": "网关"}


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf8")).hexdigest()


def new_token() -> str:
    """A token nobody can guess: 24 random bytes, safe in a URL and as an MQTT user name."""
    return secrets.token_urlsafe(24)


@transaction.atomic
def make_source(name: str, kind: str = "gateway", enterprise: Subject | None = None, *, actor: str = "",
                token: str = "", sample: bool = False) -> tuple[Source, str]:
    """A new source and its token, to be shown this once. `token` is given only for demo data and take-overs."""
    name = name.strip()
    if not name or len(name) > 80:
        raise BadInput("接入源名称应为 1–80 字")
    if kind not in KINDS:
        raise BadInput(f"接入源类别没有 {kind!r};可选:{'、'.join(KINDS.values())}")
    if Source.objects.filter(name=name).exists():
        raise BadInput(f"接入源“{name}”已存在;请换一个名称")
    token = _given(token) if token else new_token()
    source = Source.objects.create(name=name, kind=kind, enterprise=enterprise, token_hash=digest(token),
                                   sample=sample)
    _tell("source_made", source, actor)
    return source, token


def _given(token: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{8,200}", token):
        raise BadInput("令牌应为 8–200 位字母、数字、下划线或短横")
    if Source.objects.filter(token_hash=digest(token)).exists():
        raise BadInput("这个令牌已被别的接入源使用;请换一个")
    return token


@transaction.atomic
def rotate(source: Source, *, actor: str = "") -> str:
    """A new token, shown this once; the old one stops with the next plan."""
    token = new_token()
    source.token_hash = digest(token)
    source.save(update_fields=["token_hash"])
    _tell("token_renewed", source, actor)
    return token


@transaction.atomic
def disable(source: Source, *, actor: str = "") -> None:
    """Withdraw the credential; its points and their open alerts stay."""
    if Source.objects.filter(pk=source.pk, enabled=True).update(enabled=False):
        source.enabled = False
        _tell("source_disabled", source, actor)


@transaction.atomic
def enable(source: Source, *, actor: str = "") -> None:
    """Let a withdrawn source in again, with the token it had."""
    if Source.objects.filter(pk=source.pk, enabled=False).update(enabled=True):
        source.enabled = True
        _tell("source_enabled", source, actor)


def _tell(what: str, source: Source, actor: str) -> None:
    events.emit(f"telemetry.{what}", subject=source.enterprise_id, actor=actor, about=f"source:{source.pk}",
                name=source.name)
