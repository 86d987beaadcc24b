"""XML bytes → alerts, wrapped or not. No entities, no DTD, no network, no clock."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from lxml import etree

from ..rows import Malformed
from . import schema
from .schema import Element, Elements

Node = etree._Element
MOST_FAULTS = 8  # faults told of one alert
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?([+-]\d\d:\d\d|Z)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,15})?", re.ASCII)
_UNWANTED = re.compile(r"[\s,<&]")  # in identifier and sender, CAP 1.2 §3.2.1


class Document(NamedTuple):
    """A document read: its own fields, feed entries, the alerts that are whole, what is wrong with the others."""

    kind: str  # alert | edxl | atom | rss
    about: dict[str, Any]
    entries: list[dict[str, Any]]
    alerts: list[dict[str, Any]]
    faults: list[str]


def parse(raw: bytes, encoding: str | None = None) -> Document:
    """A CAP alert, an EDXL-DE distribution, an Atom or RSS feed; Malformed where it is none or is broken itself."""
    root = _root(raw, encoding)
    space, name = _split(root)
    if name == "alert" and space in schema.VERSIONS:
        alerts, faults = _alerts([root])
        return Document("alert", {}, [], alerts, faults)
    if name == "EDXLDistribution" and space.startswith(schema.EDXL):
        return _distribution(root)
    if name == "feed" and space == schema.ATOM:
        return _atom(root)
    if name == "rss":
        return _rss(root)
    raise Malformed(f"不是 CAP:根元素是 {{{space[:80]}}}{name[:40]}")


def _root(raw: bytes, encoding: str | None) -> Node:
    if b"<!DOCTYPE" in raw:
        raise Malformed("含有 DOCTYPE(实体声明),拒绝读取")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
                             remove_comments=True, remove_pis=True, encoding=encoding)
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as wrong:
        raise Malformed(f"不是合法的 XML: {wrong}") from None
    if root is None or etree.ElementTree(root).docinfo.internalDTD is not None:  # told in UTF-16, say
        raise Malformed("含有 DOCTYPE(实体声明),拒绝读取")
    return root


def _split(node: Node) -> tuple[str, str]:
    """(namespace, local name)."""
    tag = str(node.tag)
    return (tag[1:].split("}", 1)[0], tag.split("}", 1)[1]) if tag.startswith("{") else ("", tag)


def _text(node: Node | None) -> str:
    return "".join(str(part) for part in node.itertext()).strip() if node is not None else ""


def _children(node: Node, name: str) -> list[Node]:
    """Children of a name in the node's own namespace."""
    space = _split(node)[0]
    return [child for child in node if isinstance(child.tag, str) and _split(child) == (space, name)]


def _child(node: Node, name: str) -> str:
    return next((_text(child) for child in _children(node, name)), "")


# Wrappings.

def _within(nodes: list[Node]) -> Iterator[Node]:
    """The CAP alerts in some nodes, in document order."""
    for node in nodes:
        for one in node.iter():
            if isinstance(one.tag, str) and _split(one)[1] == "alert" and _split(one)[0] in schema.VERSIONS:
                yield one


def _alerts(nodes: list[Node]) -> tuple[list[dict[str, Any]], list[str]]:
    """Alerts that are whole, and one line about each that is not."""
    good, faults = [], []
    for n, node in enumerate(nodes, 1):
        read, wrong = _alert(node)
        if wrong:
            which = f"第 {n} 条 alert" if len(nodes) > 1 else "alert"
            faults.append(f"{which} {read.get('identifier', '')}: {'、'.join(wrong[:MOST_FAULTS])}")
        else:
            good.append(read)
    return good, faults


def _distribution(root: Node) -> Document:
    faults: list[str] = []
    about = _elements(root, schema.DISTRIBUTION, "1.2", "", faults)
    if faults:
        raise Malformed(f"EDXLDistribution: {'、'.join(faults)}")
    return Document("edxl", about, [], *_alerts(list(_within(_children(root, "contentObject")))))


def _atom(root: Node) -> Document:
    missing = [name for name in ("id", "title", "updated") if not _child(root, name)]
    strange = [name for child in root if isinstance(child.tag, str)
               for space, name in [_split(child)] if space == schema.ATOM and name not in schema.FEED]
    entries = []
    nodes = _children(root, "entry")
    for n, entry in enumerate(nodes, 1):
        said = {name: _child(entry, name) for name in ("id", "title", "updated", "published", "summary")}
        link = next((str(one.get("href", "")) for one in _children(entry, "link")), "")
        holds = len(list(_within([entry])))
        missing += [f"entry[{n}]/{name}" for name in ("id", "title", "updated") if not said[name]]
        missing += [] if link or holds else [f"entry[{n}]/link"]
        entries.append({k: v for k, v in (said | {"link": link}).items() if v} | {"alerts": holds})
    _complain("feed", missing, strange)
    about = {name: _child(root, name) for name in ("id", "title", "updated")}
    return Document("atom", about, entries, *_alerts(list(_within(nodes))))


def _rss(root: Node) -> Document:
    channel = next(iter(_children(root, "channel")), None)
    if channel is None:
        raise Malformed("rss: 缺 channel")
    missing = [f"channel/{name}" for name in ("title", "link", "description") if not _child(channel, name)]
    entries, nodes = [], _children(channel, "item")
    for n, item in enumerate(nodes, 1):
        said = {name: _child(item, name) for name in ("title", "description", "link", "guid", "pubDate")}
        holds = len(list(_within([item])))
        missing += [] if said["title"] or said["description"] else [f"item[{n}]/title"]
        missing += [] if said["link"] or holds else [f"item[{n}]/link"]
        entries.append({k: v for k, v in said.items() if v} | {"alerts": holds})
    _complain("rss", missing, [])
    about = {name: _child(channel, name) for name in ("title", "link", "description", "pubDate")}
    return Document("rss", {k: v for k, v in about.items() if v}, entries, *_alerts(list(_within(nodes))))


def _complain(what: str, missing: list[str], strange: list[str]) -> None:
    said = ([f"缺 {'、'.join(missing)}"] if missing else []) + ([f"不应有 {'、'.join(strange)}"] if strange else [])
    if said:
        raise Malformed(f"{what}: {';'.join(said)}")


# One alert.

def _alert(node: Node) -> tuple[dict[str, Any], list[str]]:
    """An alert's fields by CAP's own names, and what is wrong with it."""
    version, faults = schema.VERSIONS[_split(node)[0]], list[str]()
    read: dict[str, Any] = {"version": version} | _elements(node, schema.ALERT, version, "", faults)
    for scope, needs in (("Restricted", "restriction"), ("Private", "addresses")):
        if read.get("scope") == scope and needs not in read:
            faults.append(f"缺 {needs}(scope 为 {scope} 时必填)")
    if any(_text(one) == "" for one in _children(node, "references")):
        faults.append("references 为空")
    if any(_split(child)[1] == "Signature" for child in node if isinstance(child.tag, str)):
        read["signed"] = True
    return read, faults


def _elements(node: Node, holds: Elements, version: str, path: str, faults: list[str]) -> dict[str, Any]:
    """The children of a node by name; empty ones are as good as absent."""
    read: dict[str, Any] = {}
    for one in holds.all:
        found = [child for child in _children(node, one.name) if len(child) or _text(child)]
        if not found:
            if version in one.required:
                faults.append(f"缺 {path}{one.name}")
            continue
        if len(found) > 1 and not one.many:
            faults.append(f"{path}{one.name} 不止一个")
        values = []
        for n, child in enumerate(found, 1):
            where = f"{path}{one.name}[{n}]/" if one.many else f"{path}{one.name}/"
            values.append(_value(child, one, version, where, faults))
        read[one.name] = values if one.many else values[0]
    low, high = read.get("altitude"), read.get("ceiling")
    if high is not None and (low is None or low > high):
        faults.append(f"{path}ceiling 没有与之相称的 altitude")
    return read


def _value(node: Node, one: Element, version: str, where: str, faults: list[str]) -> Any:
    if isinstance(one.holds, Elements):
        return _elements(node, one.holds, version, where, faults)
    if one.holds == schema.PAIR:
        return _pair(node, version, where, faults)
    text = _text(node)
    if isinstance(one.holds, tuple):
        if text not in one.holds:
            faults.append(f"{where[:-1]} 的值 {text[:40]!r} 不在 CAP 的取值之内")
        return text
    try:
        return _READ[one.holds](text)
    except ValueError as wrong:
        faults.append(f"{where[:-1]} {wrong}")
        return text


def _pair(node: Node, version: str, where: str, faults: list[str]) -> dict[str, str]:
    """valueName and value; in CAP 1.0 one text `name=value`."""
    names, values = _children(node, "valueName"), _children(node, "value")
    if version == "1.0" and not names:
        name, _, value = _text(node).partition("=")
        return {"valueName": name.strip(), "value": value.strip()}
    if not names or not _text(names[0]):
        faults.append(f"缺 {where}valueName")
    if not values:
        faults.append(f"缺 {where}value")
    return {"valueName": _text(names[0]) if names else "", "value": _text(values[0]) if values else ""}


def _name(text: str) -> str:
    if _UNWANTED.search(text):
        raise ValueError(f"含有空白、逗号、< 或 &: {text[:40]!r}")
    return text


def _time(text: str) -> str:
    moment(text)
    return text


def moment(text: str) -> datetime:
    """A CAP time with its zone; a ValueError where it is not one."""
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError(f"不是带时区的时间: {text[:40]!r}")


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"不是数字: {text[:40]!r}")
    return float(text)


def _point(text: str) -> list[float]:
    """[latitude, longitude], WGS-84."""
    parts = text.split(",")
    if len(parts) != 2:
        raise ValueError(f"不是 纬度,经度: {text[:40]!r}")
    lat, lon = (_number(part) for part in parts)
    if abs(lat) > 90 or abs(lon) > 180:
        raise ValueError(f"坐标超出范围: {text[:40]!r}")
    return [lat, lon]


def _polygon(text: str) -> list[list[float]]:
    points = [_point(part) for part in text.split()]
    if len(points) < 4 or points[0] != points[-1]:
        raise ValueError("不是首尾相接的至少 4 个点")
    return points


def _circle(text: str) -> dict[str, Any]:
    """Centre and radius in km."""
    parts = text.split()
    if len(parts) != 2:
        raise ValueError(f"不是 纬度,经度 半径: {text[:40]!r}")
    return {"point": _point(parts[0]), "radius": _number(parts[1])}


def _references(text: str) -> list[dict[str, str]]:
    found = []
    for part in text.split():
        ends = part.split(",")
        if len(ends) != 3 or not all(ends):
            raise ValueError(f"不是 sender,identifier,sent: {part[:60]!r}")
        found.append(dict(zip(("sender", "identifier", "sent"), ends, strict=True)))
    return found


def _list(text: str) -> list[str]:
    """Words parted by blanks; those that hold blanks stand in quotes."""
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', text)]


_READ: dict[str, Any] = {
    schema.TEXT: str, schema.NAME: _name, schema.TIME: _time, schema.NUMBER: _number, schema.LIST: _list,
    schema.REFERENCES: _references, schema.POLYGON: _polygon, schema.CIRCLE: _circle,
}
