"""Files handed in with an act: looked into before they are believed, kept as they came under their hash."""

import hashlib
import os
import re
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Protocol

from django.conf import settings
from PIL import Image

from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput
from shouwang.kernel.fields import Field

from .models import Attachment, Matter

MAX_BYTES = 10 * 1024 * 1024
MAX_FILES = 9
MAX_PIXELS = 60_000_000  # a phone's largest picture; more is a bomb
PHOTOS = {"JPEG": ("image/jpeg", ".jpg"), "PNG": ("image/png", ".png"), "WEBP": ("image/webp", ".webp")}
OFFICE = {".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
          ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


class Upload(Protocol):
    """A file on its way in, as Django and ninja give it."""

    @property
    def name(self) -> str | None: ...

    def read(self, num_bytes: int = ..., /) -> bytes: ...


@dataclass(frozen=True)
class Looked:
    """A file that was checked: its field, safe name, true type and bytes."""

    field: str
    name: str
    mime: str
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def look(fields: Sequence[Field], files: Mapping[str, Sequence[Upload]]) -> list[Looked]:
    """Every file checked against its field; the first wrong one is a BadInput naming file and remedy."""
    asked = {f.id: f for f in fields if f.type in ("photo", "file")}
    if unknown := set(files) - set(asked):
        raise BadInput(f"表单里没有这些附件栏:{'、'.join(sorted(unknown))}")
    for field in asked.values():
        if field.required and not files.get(field.id):
            raise BadInput(f"“{field.title}”必须上传")
    if sum(len(f) for f in files.values()) > MAX_FILES:
        raise BadInput(f"一次最多上传 {MAX_FILES} 个文件,请分次提交")
    return [_look_one(asked[name], upload) for name, uploads in files.items() for upload in uploads]


def _look_one(field: Field, upload: Upload) -> Looked:
    name = safe_name(upload.name or "")
    content = upload.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise BadInput(f"文件 {name} 超过 {MAX_BYTES // 1024 // 1024} MB;请压缩后再传")
    if not content:
        raise BadInput(f"文件 {name} 是空的;请重新选择")
    mime, suffix = _photo(name, content) if field.type == "photo" else _paper(name, content)
    return Looked(field.id, f"{Path(name).stem[:100] or 'file'}{suffix}", mime, content)


def safe_name(given: str) -> str:
    """The last part of a file's name without control, bidirectional and path characters."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", given))[-1]
    kept = "".join(c for c in last if unicodedata.category(c)[0] != "C" and c not in '<>:"|?*')
    return kept.strip(" .")[:120] or "file"


def _photo(name: str, content: bytes) -> tuple[str, str]:
    """The true type of a picture; it is decoded to the last line, for a torn upload proves nothing."""
    try:
        with Image.open(BytesIO(content), formats=list(PHOTOS)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise BadInput(f"照片 {name} 有 {picture.width}×{picture.height} 像素,太大;请缩小后再传")
            kind = picture.format or ""
            picture.draft("RGB", (max(1, picture.width // 8), max(1, picture.height // 8)))
            picture.load()
    except BadInput:
        raise
    except Exception:  # Pillow raises many kinds on hostile bytes; each of them means the same to the person
        raise BadInput(f"文件 {name} 不是完好的照片;请上传 JPEG、PNG 或 WebP") from None
    return PHOTOS[kind]


def _paper(name: str, content: bytes) -> tuple[str, str]:
    """A document: PDF, Word or Excel by its first bytes, else it must be a photo."""
    suffix = Path(name).suffix.lower()
    if content.startswith(b"%PDF-"):
        return "application/pdf", ".pdf"
    if content.startswith(b"PK\x03\x04") and suffix in OFFICE:
        return OFFICE[suffix], suffix
    try:
        return _photo(name, content)
    except BadInput:
        raise BadInput(f"文件 {name} 的类型不能收;可传 PDF、Word(docx)、Excel(xlsx)或照片") from None


def keep(matter: Matter, looked: Sequence[Looked], by: str) -> list[Attachment]:
    """Bytes to disk under their hash, a row each. A file whose row is rolled back is only an orphan."""
    rows = []
    for one in looked:
        _write(path_of(one.sha256), one.content)
        rows.append(Attachment.objects.create(matter=matter, field=one.field, name=one.name, mime=one.mime,
                                              size=len(one.content), sha256=one.sha256, by=by, at=clock.now()))
    return rows


def path_of(sha256: str) -> Path:
    """Where the bytes of a hash lie."""
    return Path(settings.MEDIA_ROOT) / "attachments" / sha256[:2] / sha256


def _write(path: Path, content: bytes) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(fd, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    os.replace(temporary, path)
