"""Small words of the working pages: looking up by a key, lists in templates, what a tier means."""

from typing import Any

from django import template

from shouwang.engines.rules.spec import Tier

from .shouwang import english

register = template.Library()


@register.filter
def at(table: Any, key: str) -> Any:
    """`counts|at:"red"`: the value of a key; blank when it is not there."""
    return table.get(key, "") if table else ""


@register.filter
def words(text: str) -> list[str]:
    """`"a,b"|words`: the names between the commas."""
    return text.split(",")


@register.filter
def means(tier: Tier) -> str:
    """What a tier is called: 高高报, 断电."""
    return (english() and tier.means_en) or tier.means
