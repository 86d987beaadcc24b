"""Static checks of what the kernel reads: links (actions, events, loops), params (bases), scene budgets."""

from shouwang.kernel import content, events, params

MAX_SCENE_LINES = 200
MAX_HOOK_LINES = 120


def problems() -> list[str]:
    """Every problem as one Chinese line: where, what, remedy."""
    return [*_links(), *_loops(), *_titles(), *_budgets(), *_uses()]


def _links() -> list[str]:
    out = []
    for link in content.every("links"):
        where = f"场景 {link.scene} 的 links.yaml 里 {link.id}"
        if link.do not in events.actions():
            out.append(f"{where}: 没有动作 {link.do};可用:{'、'.join(sorted(events.actions()))}")
        if link.when not in events.types():
            out.append(f"{where}: 没有事件 {link.when};可用:{'、'.join(sorted(events.types()))}")
        if link.from_ not in ("own", "any") and link.from_ not in content.scenes:
            out.append(f"{where}: from 写的场景 {link.from_} 不存在")
        flow = link.with_.get("flow")
        key = flow if not flow or "." in str(flow) else f"{link.scene}.{flow}"
        if key and key not in {f.key for f in content.every("flows")}:
            out.append(f"{where}: 没有流程 {flow};请在 flows.yaml 里声明")
    return out


def _loops() -> list[str]:
    """Links of `now` whose actions can emit what starts them again, as far as actions declare what they emit."""
    follow: dict[str, set[str]] = {}
    for link in content.every("links"):
        emits = getattr(events.actions().get(link.do), "emits", ())
        if link.run == "now":
            follow.setdefault(link.when, set()).update(emits)
    return [f"联动会绕圈:{' → '.join(path)};请把其中一条改为 run: soon 或去掉" for path in _cycles(follow)]


def _cycles(follow: dict[str, set[str]]) -> list[list[str]]:
    found: list[list[str]] = []

    def walk(node: str, path: list[str]) -> None:
        if node in path:
            found.append([*path[path.index(node):], node])
        else:
            for after in sorted(follow.get(node, ())):
                walk(after, [*path, node])

    for start in sorted(follow):
        if not any(start in cycle for cycle in found):
            walk(start, [])
    return found


def _titles() -> list[str]:
    shipped = {s for s in content.scenes if "shouwang/scenes" in content.folders[s].as_posix()}
    out = []
    for kind in ("rules", "flows", "links", "kinds"):
        out += [f"场景 {spec.scene} 的 {kind}.yaml 里 {spec.id}: 缺英文名 title_en"
                for spec in content.every(kind) if spec.scene in shipped and not spec.title_en]
    return out


def _budgets() -> list[str]:
    out = []
    for scene, folder in content.folders.items():
        lines = sum(len(f.read_text("utf8").splitlines()) for f in folder.glob("*.yaml"))
        if lines > MAX_SCENE_LINES:
            out.append(f"场景 {scene}: YAML 共 {lines} 行,超过 {MAX_SCENE_LINES};"
                       "请用 like 引用,或把共有的放进 catalog、patterns")
        hooks = folder / "hooks.py"
        if hooks.exists() and len(hooks.read_text("utf8").splitlines()) > MAX_HOOK_LINES:
            out.append(f"场景 {scene}: hooks.py 超过 {MAX_HOOK_LINES} 行;请把它变成引擎的函数")
        if not list((folder / "tests").glob("*.yaml")):
            out.append(f"场景 {scene}: 没有 tests/*.yaml;每条规则要有一个触发、一个不触发的情形")
    return out


def _uses() -> list[str]:
    return [f"参数 {p}: 没有中文名 title;请在 params.yaml 里写上" for p in params.paths()
            if not params.history(p)[0].title]
