"""Static checks of what the registry reads: kinds, quantities, lines."""

import math

from shouwang.kernel import content


def problems() -> list[str]:
    """Every problem as one Chinese line: where, what, remedy."""
    return [*_under(), *_circles(), *_doubles(), *_facts(), *_quantities(), *_industries()]


def _where(kind: str, spec: content.Spec) -> str:
    return f"场景 {spec.scene} 的 {kind}.yaml 里 {spec.id}" if spec.scene else f"catalog/{kind}.yaml 里 {spec.id}"


def _under() -> list[str]:
    known = {k.id for k in content.every("kinds")}
    return [f"{_where('kinds', k)}: under 写的 {above!r} 不是已声明的种类;可用:{'、'.join(sorted(known))}"
            for k in content.every("kinds") for above in k.under if above not in known]


def _circles() -> list[str]:
    """A kind must be reachable from one that stands alone, else nothing of it can ever be entered."""
    under = {k.id: set(k.under) for k in content.every("kinds")}
    rooted = {k for k, above in under.items() if not above}
    while grown := {k for k, above in under.items() if k not in rooted and above & rooted}:
        rooted |= grown
    return [f"{_where('kinds', k)}: 沿 under 往上到不了最上层,永远无法登记;请加上 enterprise"
            for k in content.every("kinds") if k.id not in rooted and all(a in under for a in k.under)]


def _doubles() -> list[str]:
    seen: dict[str, content.Spec] = {}
    out = []
    for k in content.every("kinds"):
        if k.id in seen:
            out.append(
                f"{_where('kinds', k)}: 种类 {k.id} 已在“{_where('kinds', seen[k.id])}”声明;请直接引用或换一个 id"
            )
        seen.setdefault(k.id, k)
    return out


def _facts() -> list[str]:
    out = []
    for k in content.every("kinds"):
        ids, titles = [f.id for f in k.facts], [f.title for f in k.facts]
        for doubled in {x for x in [*ids, *titles] if ids.count(x) > 1 or titles.count(x) > 1}:
            out.append(f"{_where('kinds', k)}: 属性 {doubled} 写了两次;请改名(导入表头按标题区分)")
        out += [f"{_where('kinds', k)}: 属性 {f.id} 是选择项但没有 options" for f in k.facts
                if f.type in ("choice", "choices") and not f.options]
    return out


def _quantities() -> list[str]:
    out = []
    for q in content.every("quantities"):
        where = _where("quantities", q)
        if not 0 <= q.digits <= 4:
            out.append(f"{where}: digits 应在 0–4 之间")
        if q.low is not None and q.high is not None and not q.low < q.high:
            out.append(f"{where}: low 应小于 high")
        if q.high is not None and q.high * 10**q.digits >= 2**31 - 1:
            out.append(f"{where}: high 在分辨率 {q.digits} 位下超出可存范围;请减少 digits")
        if q.unit in q.units:
            out.append(f"{where}: units 里不必再写自己的单位 {q.unit}")
        out += [f"{where}: 单位 {name} 的 factor 应是大于 0 的有限数" for name, u in q.units.items()
                if not (math.isfinite(u.factor) and u.factor > 0 and math.isfinite(u.offset))]
    return out


def _industries() -> list[str]:
    known = {x.id for x in content.every("lines")}
    return [f"场景 {s.id} 的 scene.yaml: industries 里的 {i!r} 不在 catalog/lines.yaml;可用:{'、'.join(sorted(known))}"
            for s in content.scenes.values() for i in s.industries if i not in known]
