"""What the rule engine reads: a rule is a test of one quantity on one kind of subject, in one to four tiers."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shouwang.kernel import content, events

events.declares(
    rules__alert_raised="研判发出新的报警事件",
    rules__alert_upgraded="同一事件升到更高等级",
    rules__alert_downgraded="同一事件降到较低等级",
    rules__alert_cleared="读数恢复,事件结束",
    rules__alert_amended="迟到的读数改变了结论,报警据实更正(补报、延长、缩短或撤回)",
    rules__alert_suppressed="工况不适用(如停车),报警受抑制;凭据是工况点位的读数",
    rules__alert_released="工况恢复或无从得知,抑制解除",
    rules__alert_retired="规则或限值已撤,不再研判,报警随之结束",
    rules__alert_acknowledged="有人确认知悉",
    rules__alert_shelved="有人按理由搁置到某时",
    rules__alert_unshelved="搁置结束",
)
TESTS = ("above", "below", "silent", "out_of_range", "rising", "falling", "flat", "apart")
BARE = ("out_of_range",)  # tests that take no argument: the instrument's own range is in the point


class Argument(BaseModel):
    """Where a limit comes from, never a bare number: a dated param, or a limit of the point itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    param: str = ""
    field: str = ""  # the param's value is a table: this column
    limit: Literal["", "ll", "l", "h", "hh"] = ""


class Tier(BaseModel):
    """One severity of a rule: active from `test`, until the value is back beyond `until` (else the deadband)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    test: dict[str, Argument]
    until: Argument | None = None
    level: str
    means: str = ""  # what it is called on screens: 断电, 低报 …
    means_en: str = ""

    @model_validator(mode="after")
    def _known(self) -> "Tier":
        if len(self.test) != 1 or next(iter(self.test)) not in TESTS:
            raise ValueError(f"test 只写一个,可用:{'、'.join(TESTS)}")
        for name, argument in self.test.items():
            if bool(argument.param) + bool(argument.limit) != (name not in BARE):
                raise ValueError(f"{name} 写成 {name}: {{}}" if name in BARE
                                 else f"{name} 写 {{param: …}} 或 {{limit: h}}")
        return self


class Unless(BaseModel):
    """Another point that switches the rule: of the same subject, else the only one of the enterprise."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    quantity: str
    above: Argument | None = None  # suppressed while the reading is at or above
    below: Argument | None = None  # … at or below

    @model_validator(mode="after")
    def _one(self) -> "Unless":
        given = self.above or self.below
        if bool(self.above) == bool(self.below) or not given or bool(given.param) == bool(given.limit):
            raise ValueError("unless 写 above 或 below 之一,如 unless: {quantity: flow, below: {param: stopped}}")
        return self


class Guidance(BaseModel):
    """An alarm requires a response: consequence, action, time."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    consequence: str
    action: str
    consequence_en: str = ""
    action_en: str = ""


@content.kind("rules", engine="rules")
class Rule(content.Spec):
    """研判规则. Either `test` + `level`, or up to two high and two low `tiers`."""

    quantity: str | list[str]
    of: str | list[str]
    if_: dict[str, Any] = Field(default={}, alias="if")  # facts of the point, its subject or its enterprise
    # What picks the row of a table param: a fact of the point (place → T1), else "quantity", else "kind" (of subject).
    # A row may carry its own `mark` and `basis`; a row without the asked `field` has no such tier.
    pick: str = ""
    test: dict[str, Argument] = {}
    level: str = ""
    tiers: list[Tier] = []
    hold: str | None = None  # on-delay; None: the point's own
    release: str | None = None  # off-delay; None: the point's own
    # rising, falling: over how long; `times`: how long an excursion counts; apart: how far apart in time two readings
    # may be
    within: str | None = None
    times: Argument | None = None  # above, below: so many excursions within `within`, instead of one
    band: Argument | None = None  # flat: what still counts as unchanged; none: the point's deadband
    unless: Unless | None = None  # while another point says so (plant stopped), alerts are suppressed, with proof
    guidance: Guidance | None = None

    @model_validator(mode="after")
    def _shape(self) -> "Rule":
        if bool(self.test) == bool(self.tiers):
            raise ValueError("写 test+level,或写 tiers,二者取一")
        if self.test and not self.level:
            raise ValueError("写了 test 就要写 level")
        self._signals()
        if len(self.steps) > 4:
            raise ValueError("tiers 最多四档:两档高、两档低")
        return self

    def _signals(self) -> None:
        """What belongs to tests over a window stands where it is needed and nowhere else."""
        named = {name for t in self.steps for name in t.test}
        if (self.within is not None) != bool(named & {"rising", "falling", "apart"} or self.times):
            raise ValueError("rising、falling、apart 和 times 要写 within(如 within: 10m),别的 test 不写 within")
        if self.times and not named <= {"above", "below"}:
            raise ValueError("times(窗口内次数)只配 above 或 below")
        if self.times and len(self.steps) > 1:
            raise ValueError("写了 times 就只能有一级,请分成几条规则")
        if any(t.until for t in self.steps) and not named <= {"above", "below"}:
            raise ValueError("until(复位值)只配 above、below")
        if self.band and named != {"flat"}:
            raise ValueError("band(视为不变的幅度)只配 flat")

    @property
    def steps(self) -> list[Tier]:
        """The tiers, one for the short form."""
        return self.tiers or [Tier(test=self.test, level=self.level)]
