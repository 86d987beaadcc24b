"""Sentences that pages share: what a tier is called, who is called when."""

from datetime import datetime
from typing import Any

from shouwang.engines.flows import deadline
from shouwang.engines.flows.models import Matter
from shouwang.engines.flows.spec import State
from shouwang.engines.rules import read
from shouwang.engines.rules.models import Alert
from shouwang.kernel import content

from .templatetags.shouwang import english


def tier_words(alert: Alert) -> str:
    """高高报 / 断电 …: what the rule calls the tier whose level the alert has now."""
    rule = read.rule_of(alert)
    side = "above" if alert.tier > 0 else "below"
    for tier in rule.steps if rule else []:
        if tier.level == alert.level and (side in tier.test or not {"above", "below"} & set(tier.test)):
            return (english() and tier.means_en) or tier.means
    return ""


def ladder(matter: Matter, state: State) -> list[dict[str, Any]]:
    """The rungs of the present state: which desk, at what moment, called already or not."""
    rungs = []
    for n, rung in enumerate(state.ladder):
        at: datetime | None = deadline.next_rung(state, n, matter.entered_at, matter.level, matter.region)
        rungs.append({"role": content.get("roles", rung.to), "at": at, "called": n < matter.rung})
    return rungs
