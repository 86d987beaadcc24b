"""One document in CAP's own element names."""

from pathlib import Path
from typing import Any

from ..folder import MAX_FILE
from ..rows import Malformed
from .packet import Document, parse


def decode(item: dict[str, Any]) -> dict[str, Any]:
    """What `text`, or the file `file`, says: the alert itself, or a wrapping with its `alerts`.

    A document in which any alert is not valid is Malformed, naming the elements.
    """
    text = item.get("text")
    if isinstance(text, str):
        document = parse(text.encode("utf-8", "surrogatepass"), "utf-8")
    else:
        document = parse(_content(item.get("file")))
    if document.faults:
        raise Malformed(";".join(document.faults))
    return told(document)


def told(document: Document) -> dict[str, Any]:
    """A single alert as it is; a wrapping as its kind, what it says of itself, its entries and alerts."""
    if document.kind == "alert":
        return document.alerts[0]
    entries = {"entries": document.entries} if document.kind in ("atom", "rss") else {}
    return {"kind": document.kind, **document.about, **entries, "alerts": document.alerts}


def _content(name: Any) -> bytes:
    """A file as it is named."""
    if not isinstance(name, str) or not name:
        raise Malformed("需要 text(内容)或 file(文件)")
    path = Path(name)
    if path.is_file():
        if path.stat().st_size > MAX_FILE:
            raise Malformed(f"文件 {name[:200]} 超过 {MAX_FILE} 字节")
        return path.read_bytes()
    raise Malformed(f"找不到文件 {name[:200]}")
