"""Static checks of declared flows: roles, deadlines, conditions, states that are reached and can be left."""

from collections.abc import Iterator

from shouwang.kernel import conditions, content
from shouwang.kernel.errors import ContentError

from . import deadline, who
from .spec import FlowSpec, State, Within


def problems() -> list[str]:
    """Every problem as one Chinese line: where, what, remedy."""
    return [line for flow in content.every("flows") for line in _flow(flow)]


def _flow(flow: FlowSpec) -> Iterator[str]:
    where = f"场景 {flow.scene} 的 flows.yaml 里 {flow.id}"
    for state_id, state in flow.states.items():
        yield from _state(f"{where} 的状态 {state_id}", state)
    reached = _reached(flow)
    for state_id in [s for s in flow.states if s not in reached]:
        yield f"{where}: 状态 {state_id} 从 {flow.start} 走不到;请加一步 acts 通向它,或删去"
    if not any(flow.states[s].end for s in reached):
        yield f"{where}: 没有一个能走到的状态写了 end;请指明在哪里办结"


def _reached(flow: FlowSpec) -> set[str]:
    seen, ahead = set(), [flow.start]
    while ahead:
        here = ahead.pop()
        if here not in seen:
            seen.add(here)
            ahead += [a.to for a in flow.states[here].acts.values()]
    return seen


def _state(where: str, state: State) -> Iterator[str]:
    if not state.end:
        yield from _by(where, state.by)
    for rung in state.ladder:
        yield from _rung(where, rung.to)
        yield from _within(where, rung.after)
    if state.within:
        yield from _within(where, state.within)
    for act_id, act in state.acts.items():
        for name in [*act.only_if, *act.flag_if_not]:
            if name not in conditions.names():
                yield f"{where} 的 {act_id}: 没有条件 {name};可用:{'、'.join(conditions.names())}"
    if not _in_order(state):
        yield f"{where}: 梯级的时间没有一级比一级晚;请按先后写 ladder"


def _by(where: str, role: str) -> Iterator[str]:
    if role not in _roles():
        yield f"{where}: 没有角色 {role or '(空)'};请在 by 里写 catalog/roles.yaml 的角色"
    elif not who.acting(role):
        yield f"{where}: 角色 {role} 没有 {'、'.join(who.ACTING)} 的权限,轮到它时谁也办不了;请换一个角色"


def _rung(where: str, role: str) -> Iterator[str]:
    if role not in _roles():
        yield f"{where}: 梯级写的角色 {role} 不存在;请写 catalog/roles.yaml 里的值守角色"
    elif "duty.answer" not in content.get("roles", role).may:
        yield f"{where}: 梯级的角色 {role} 不能值守应答(duty.answer),呼叫了也无人能复诵"


def _roles() -> set[str]:
    return {r.id for r in content.every("roles")}


def _within(where: str, within: Within) -> Iterator[str]:
    """Every level must find a duration today; a flow without levels gets by with a plain value."""
    for level in content.every("levels"):
        try:
            deadline.span_of(within, level.id, "")
        except (ContentError, ValueError) as wrong:
            yield f"{where}: {wrong}"
            return


def _in_order(state: State) -> bool:
    """Whether every level climbs its rungs one after the other."""
    for level in content.every("levels"):
        try:
            spans = [deadline.span_of(r.after, level.id, "") for r in state.ladder]
        except (ContentError, ValueError):
            return True  # told by `_within` already
        if spans != sorted(spans):
            return False
    return True
