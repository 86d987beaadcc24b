"""`shouwang explain ID`: why is it so? The cause chain of a row, or what a declared rule, flow or link does."""

import argparse
import json
import re
from typing import Any

from shouwang.boot import boot
from shouwang.engines.flows.models import Matter
from shouwang.engines.rules.models import Alert
from shouwang.kernel import clock, content, events, params
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Event

ROWS = {"A": Alert, "ALERT": Alert, "M": Matter, "MATTER": Matter, "E": Event, "EVENT": Event}


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang explain`."""
    sub.add_argument("id", help="A12(报警) M7(事项) E345(事件),或 hazchem.combustible_gas(声明)、参数名")
    sub.add_argument("--json", action="store_true", help="以 JSON 输出")


def run(args: argparse.Namespace) -> int:
    """Print the explanation; an unknown id is a clear error."""
    boot()
    told = explain(args.id)
    print(json.dumps(told, ensure_ascii=False, indent=1) if args.json else "\n".join(_lines(told)))
    return 0


def explain(what: str) -> dict[str, Any]:
    """The explanation as plain data: {id, title, chain|does, effects}."""
    row = re.fullmatch(r"([A-Za-z]+)[:\-]?(\d+)", what)
    if row and row[1].upper() in ROWS:
        return _row(row[1].upper(), int(row[2]))
    for kind in ("rules", "flows", "links"):
        for spec in content.every(kind):
            if what in (spec.key, f"{kind}:{spec.key}"):
                return _declared(kind, spec)
    if what in params.paths():
        return {"id": what, "title": params.history(what)[0].title, "values": [_dated(d) for d in params.history(what)]}
    raise BadInput(f"没有 {what!r};写法如 A12、M7、E345,或规则、流程、联动、参数的名字")


def _row(letter: str, pk: int) -> dict[str, Any]:
    model = ROWS[letter]
    found: Any = model.objects.filter(pk=pk).first()  # type: ignore[attr-defined]
    if found is None:
        raise BadInput(f"没有 {letter}{pk}")
    last = found if isinstance(found, Event) else found.last
    about = {"E": found.about} if isinstance(found, Event) else {}
    after = Event.objects.filter(cause=last).order_by("id") if last else Event.objects.none()
    return {"id": f"{letter[0]}{pk}", "title": str(found), **about,
            "chain": [_event(e) for e in events.chain(last)] if last else [],
            "effects": [_event(e) for e in after]}


def _event(event: Event) -> dict[str, Any]:
    return {"id": f"E{event.pk}", "at": event.at.astimezone(clock.LOCAL).isoformat(timespec="milliseconds"),
            "type": event.type, "meaning": events.types().get(event.type, ""), "actor": event.actor,
            "about": event.about, "scene": event.scene, "data": event.data}


def _dated(d: params.Dated) -> dict[str, Any]:
    return {"locality": d.locality, "since": d.since.isoformat(), "value": d.value, "unit": d.unit,
            "basis": d.basis, "mark": d.mark, "approver": d.approver}


def _declared(kind: str, spec: Any) -> dict[str, Any]:
    does: dict[str, Any] = {"id": spec.key, "kind": kind, "title": spec.title,
                            "spec": spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)}
    if kind == "rules":
        links = [ln for ln in content.every("links") if ln.when.startswith("rules.") and ln.scene == spec.scene]
        does["links"] = [f"{ln.key}: 当 {ln.when}{_condition(ln)},做 {ln.do} {ln.with_ or ''}".rstrip() for ln in links]
        names = {a.param for t in spec.steps for a in [*t.test.values(), t.until] if a and a.param}
        paths = [n if "." in n else f"{spec.scene}.{n}" for n in sorted(names)]
        does["params"] = [_dated(params.lookup(p, clock.today())) | {"path": p} for p in paths]
    return does


def _condition(link: events.Link) -> str:
    return f"且 {link.if_}" if link.if_ else ""


def _lines(told: dict[str, Any]) -> list[str]:
    out = [f"{told['id']} {told['title']}"]
    for n, event in enumerate(told.get("chain", [])):
        out.append(f"{'  ' * n}← {event['at']} {event['id']} {event['type']}({event['meaning']}) "
                   f"{event['actor']} {event['about']}".rstrip())
        out.append(f"{'  ' * n}   {json.dumps(event['data'], ensure_ascii=False)}")
    if told.get("effects"):
        out.append("随后:")
        out += [f"  → {e['at']} {e['id']} {e['type']}({e['meaning']}) {e['about']}" for e in told["effects"]]
    for name in ("spec", "values", "params", "links"):
        if told.get(name):
            value = told[name]
            out.append(f"{name}:")
            out += [f"  {json.dumps(v, ensure_ascii=False) if not isinstance(v, str) else v}"
                    for v in (value if isinstance(value, list) else [value])]
    return out
