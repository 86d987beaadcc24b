"""One notice to one mailbox by SMTP, as SHOUWANG_SMTP says: smtp://user:password@host:port?from=… (or smtps://)."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings

from shouwang.kernel import clock

from .models import Delivery

TIMEOUT_S = 5.0


class ServerDown(Exception):
    """The mail server cannot be used at all, whoever the letter is for."""


def message(delivery: Delivery, sender: str) -> EmailMessage:
    """The letter; its Message-ID is the same at every try."""
    notice, letter = delivery.notice, EmailMessage()
    letter["From"], letter["To"] = sender, delivery.address
    letter["Subject"] = notice.text.replace("\n", " ")[:120]
    letter["Date"] = format_datetime(clock.now())
    letter["Message-ID"] = f"<delivery-{delivery.pk}@{sender.rpartition('@')[2] or 'shouwang'}>"
    letter.set_content(f"{notice.text}\n\n请登录守望办理。本邮件自动发出,请勿回复。\n")
    return letter


def post(delivery: Delivery) -> None:
    """Hand it to the mail server; what it refuses is an error."""
    parts = urlsplit(settings.EMAIL_URL)
    asked = parse_qs(parts.query)
    sender = asked.get("from", [unquote(parts.username or "") or "shouwang@localhost"])[0]
    try:
        server = _connect(parts.scheme, parts.hostname or "localhost", parts.port, asked.get("tls", [""])[0])
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
    except OSError as wrong:  # smtplib's own errors included
        raise ServerDown(f"邮件服务器 {parts.hostname} 连不上或不认账号:{wrong}") from wrong
    with server:
        server.send_message(message(delivery, sender))


def _connect(scheme: str, host: str, port: int | None, tls: str) -> smtplib.SMTP:
    """smtps speaks TLS from the start; smtp upgrades when the server offers it, and must with ?tls=1."""
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=TIMEOUT_S, context=ssl.create_default_context())
    server = smtplib.SMTP(host, port or 25, timeout=TIMEOUT_S)
    server.ehlo()
    if tls == "1" or (tls != "0" and server.has_extn("starttls")):
        server.starttls(context=ssl.create_default_context())
        server.ehlo()
    return server
