"""One notice to one registered address: JSON, signed with the hook's secret, no redirects, no inner addresses."""

import hashlib
import hmac
import ipaddress
import json
import os
import socket
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.db import transaction

from shouwang.kernel import access, clock, events
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Account

from .models import Delivery, Hook, Notice

TIMEOUT_S = 5.0
SHORTEST_SECRET = 16


def body(notice: Notice) -> bytes:
    """What is posted; times in ISO 8601, ids as in our API."""
    facts: dict[str, Any] = {
        "notice": notice.pk, "status": notice.status, "level": notice.level, "text": notice.text,
        "about": notice.about, "subject": notice.subject, "region": notice.region,
        "created_at": notice.created_at.isoformat(),
        "read_back_until": notice.read_back_until.isoformat() if notice.read_back_until else None, **notice.data}
    return json.dumps(facts, ensure_ascii=False, sort_keys=True).encode()


def signature(secret: str, stamp: str, content: bytes) -> str:
    """HMAC-SHA256 of `stamp.body` in hex: the receiver computes the same, and refuses an old stamp."""
    return hmac.new(secret.encode(), f"{stamp}.".encode() + content, hashlib.sha256).hexdigest()


def post(delivery: Delivery) -> None:
    """Send it; anything but a 2xx within five seconds is an error."""
    hook = delivery.hook
    if hook is None or not hook.enabled:
        raise BadInput("这个回调地址已删除或停用")
    content, stamp = body(delivery.notice), str(int(clock.now().timestamp()))
    url, headers, extensions = target(delivery.address)
    headers |= {"Content-Type": "application/json; charset=utf-8", "User-Agent": "shouwang",
                "Idempotency-Key": f"delivery-{delivery.pk}", "X-Shouwang-Timestamp": stamp,
                "X-Shouwang-Signature": f"sha256={signature(hook.secret, stamp, content)}"}
    client().post(url, content=content, headers=headers, extensions=extensions).raise_for_status()


@lru_cache(maxsize=1)
def client() -> httpx.Client:
    """One for the process: reading the certificates costs more than sending."""
    return httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)


def strict() -> bool:
    """In production inner addresses are refused, unless SHOUWANG_HOOKS_INNER=1 says they are meant."""
    return bool(settings.PRODUCTION) and os.environ.get("SHOUWANG_HOOKS_INNER", "") != "1"


def target(url: str) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Where to connect, with which Host and TLS name. When strict, the address that was checked is the one used,
    so that a name cannot point elsewhere between the look and the call."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise BadInput(f"回调地址应是 http 或 https 网址,而不是 {url!r}")
    if not strict():
        return url, {}, {}
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = outer(host, port)
    shown = f"[{address}]" if ":" in address else address
    there = parts._replace(netloc=f"{shown}:{port}").geturl()
    return there, {"Host": parts.netloc.rpartition("@")[2]}, {"sni_hostname": host}


def outer(host: str, port: int) -> str:
    """The first address of a name, when every one of them is public; else BadInput."""
    found = [str(a[4][0]) for a in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    inner = [a for a in found if not ipaddress.ip_address(a.partition("%")[0]).is_global]
    if inner or not found:
        raise BadInput(f"回调地址 {host} 指向内部地址 {inner[0] if inner else '(无)'},生产环境不允许;"
                       "确需如此请设置 SHOUWANG_HOOKS_INNER=1")
    return found[0]


def register(account: Account, name: str, url: str, secret: str, region: str = "",
             levels: list[str] | None = None) -> Hook:
    """A new webhook by whoever looks after the connections there; its address is checked now and at every call."""
    access.require(account, "ingest.edit", region=region, top=None)
    target(url)
    if len(secret) < SHORTEST_SECRET:
        raise BadInput(f"签名密钥至少 {SHORTEST_SECRET} 个字符;请用随机生成的")
    with transaction.atomic():
        hook = Hook.objects.create(name=name, url=url, secret=secret, region=region, levels=levels or [])
        events.emit("notify.hook_registered", actor=account.username, about=f"hook:{hook.pk}", name=name, url=url,
                    region=region, levels=hook.levels)
    return hook
