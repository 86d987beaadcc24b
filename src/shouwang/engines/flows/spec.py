"""What the flow engine reads: states, who acts, by when, what they fill in, and who is called when they do not."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from shouwang.kernel import content, events
from shouwang.kernel.fields import Field

events.declares(
    flows__opened="开出一件待办事项",
    flows__entered="事项进入某一状态",
    flows__acted="有人办理了一步",
    flows__delegated="责任人委托他人办理",
    flows__overdue="超过办理时限",
    flows__escalated="升级到上一级值守",
    flows__unheard="升级到顶仍无人应答",
    flows__releveled="随报警升级或降级而变",
    flows__closed="事项销号",
)


class Within(BaseModel):
    """A deadline: a fixed span, or a dated param whose value is a span or a table by level."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    span: str = ""
    param: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return {"span": given} if isinstance(given, str) else given


class Rung(BaseModel):
    """One step of the escalation ladder: when nobody has acted `after` entering the state, call `to`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    after: Within
    to: str  # a duty role: town_duty, county_duty, city_duty


class Act(BaseModel):
    """One thing that may be done in a state."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    to: str
    title: str
    title_en: str = ""
    form: list[Field] = []
    only_if: list[str] = []  # kernel conditions that must hold, else refused with their reason
    flag_if_not: list[str] = []  # conditions whose failure is let through but shown to the next person
    style: Literal["main", "plain", "danger"] = "plain"


class State(BaseModel):
    """Where a matter stands: whose turn it is and until when."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str
    title_en: str = ""
    by: str = ""
    within: Within | None = None
    ladder: list[Rung] = []
    acts: dict[str, Act] = {}
    end: str = ""


@content.kind("flows", engine="flows")
class FlowSpec(content.Spec):
    """A flow: from `start` through its states to an end."""

    start: str
    states: dict[str, State]

    @model_validator(mode="after")
    def _whole(self) -> "FlowSpec":
        known = set(self.states)
        missing = {a.to for s in self.states.values() for a in s.acts.values()} | {self.start}
        if missing - known:
            raise ValueError(f"没有这些状态:{'、'.join(sorted(missing - known))}")
        if stuck := [n for n, s in self.states.items() if not s.end and not s.acts]:
            raise ValueError(f"这些状态走不出去(没有 acts 也没有 end):{'、'.join(stuck)}")
        return self
