"""Static checks of what the notify engine needs: a time to read back for every level."""

from shouwang.kernel import clock, content, params
from shouwang.kernel.errors import ContentError

READ_BACK = "flows.read_back_within"


def problems() -> list[str]:
    """Every problem as one Chinese line: where, what, remedy."""
    try:
        value = params.value(READ_BACK, clock.today())
    except ContentError as wrong:
        return [str(wrong)]
    out = []
    for level in content.every("levels"):
        span = value.get(level.id, "") if isinstance(value, dict) else value
        try:
            clock.span(str(span))
        except ValueError:
            out.append(f"参数 {READ_BACK}: 等级 {level.id} 的时长 {span!r} 不对;写法如 5m")
    return out
