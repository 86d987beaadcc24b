"""What every page's frame needs: navigation, unread count, whether this is a demo. At most three queries."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from shouwang.engines.notify import read as notices
from shouwang.engines.subjects import regions
from shouwang.kernel import access, content
from shouwang.kernel.models import Account

from .nav import ENTRIES


def frame(request: HttpRequest) -> dict[str, Any]:
    """Template context of base.html."""
    account = getattr(request, "user", None)
    if not isinstance(account, Account):
        return {"demo": not settings.PRODUCTION}
    roles = [content.get("roles", r) for r in access.roles_of(account)]
    region = access.home_region(account)
    return {
        "demo": not settings.PRODUCTION,
        "entries": [(e, _here(request.path, e.url)) for e in ENTRIES if access.may(account, e.permission)],
        "unread": notices.unread(account) if access.may(account, "notices.see") else 0,
        "my_roles": roles,
        "my_region": regions.name_of(region) if region else "",
    }


def _here(path: str, url: str) -> bool:
    return path == url if url == "/" else path.startswith(url)
