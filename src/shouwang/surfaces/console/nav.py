"""What the top bar offers: each entry has its permission; a person sees what they may open."""

from typing import NamedTuple

from django.utils.translation import gettext_lazy as _


class Entry(NamedTuple):
    """One place to go. `bar` entries stand in the phone's bottom bar too."""

    url: str
    title: object
    permission: str
    icon: str
    bar: bool = False


ENTRIES = [
    Entry("/", _("今日"), "signed_in", "today", True),
    Entry("/wall/", _("一张图"), "wall.see", "map", True),
    Entry("/warnings/", _("预警"), "alerts.see", "bell", True),
    Entry("/matters/", _("事项"), "matters.see", "task"),
    Entry("/subjects/", _("监管对象"), "subjects.see", "firm", True),
    Entry("/notices/", _("通知"), "notices.see", "mail", True),
    Entry("/rosters/", _("值守"), "rosters.see", "desk"),
    Entry("/params/", _("参数"), "params.see", "params"),
    Entry("/ingest/", _("接入"), "ingest.see", "plug"),
    Entry("/audit/", _("审计"), "audit.see", "list"),
    Entry("/accounts/", _("账号"), "accounts.edit", "people"),
]
