"""Facts an engine can vouch for about a row of its own. Flows ask by name; engines never import each other."""

from collections.abc import Callable

from .errors import ContentError

Condition = Callable[[str], str]
_conditions: dict[str, Condition] = {}


def condition(name: str) -> Callable[[Condition], Condition]:
    """Register fn(about) → "" when it holds, else the Chinese reason why not."""

    def register(fn: Condition) -> Condition:
        _conditions[name] = fn
        return fn

    return register


def unmet(name: str, about: str) -> str:
    """Why the condition does not hold for this row ("alert:12"), or "" when it does."""
    try:
        return _conditions[name](about)
    except KeyError:
        raise ContentError(f"没有条件 {name!r};可用:{'、'.join(sorted(_conditions))}") from None


def names() -> list[str]:
    """Every registered condition."""
    return sorted(_conditions)
