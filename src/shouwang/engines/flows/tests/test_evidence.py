"""Photos and papers: looked into before they are believed, kept as they came."""

import hashlib
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from shouwang.engines.flows import evidence, move
from shouwang.engines.flows.models import Attachment
from shouwang.kernel.errors import BadInput

from .conftest import Cast, alert, only
from .test_move import FORM

pytestmark = pytest.mark.django_db


def picture(kind: str = "JPEG", size: tuple[int, int] = (640, 480)) -> bytes:
    out = BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(out, kind)
    return out.getvalue()


def upload(content: bytes, name: str = "现场.jpg") -> dict[str, list[SimpleUploadedFile]]:
    return {"photo": [SimpleUploadedFile(name, content)]}


@pytest.fixture(autouse=True)
def media(settings: object, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"  # type: ignore[attr-defined]
    return tmp_path / "media"


@pytest.mark.parametrize(("kind", "mime"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")])
def test_照片原样保存_连同哈希(cast: Cast, kind: str, mime: str) -> None:
    alert(cast.tank)
    content = picture(kind)
    matter = move.act(only(), "submit", cast.manager, FORM, upload(content))
    kept = Attachment.objects.get(matter=matter)
    assert (kept.mime, kept.size, kept.by) == (mime, len(content), "manager")
    assert kept.sha256 == hashlib.sha256(content).hexdigest()
    assert evidence.path_of(kept.sha256).read_bytes() == content
    assert kept.event is not None
    assert kept.event.data["files"] == [{"id": kept.pk, "name": kept.name, "field": "photo", "sha256": kept.sha256}]


@pytest.mark.parametrize("content", [b"", b"<script>alert(1)</script>", picture()[:-2000], b"GIF89a" + b"\0" * 50,
                                     b"\xff\xd8\xff" + b"\0" * 100])
def test_不是完好照片就不收(cast: Cast, content: bytes, media: Path) -> None:
    alert(cast.tank)
    with pytest.raises(BadInput):
        move.act(only(), "submit", cast.manager, FORM, upload(content))
    assert only().state == "handle"
    assert not media.exists()


def test_太大_太多_没有这一栏(cast: Cast) -> None:
    alert(cast.tank)
    with pytest.raises(BadInput, match="10 MB"):
        move.act(only(), "submit", cast.manager, FORM, upload(picture() + b"\0" * evidence.MAX_BYTES))
    many = {"photo": [SimpleUploadedFile(f"{n}.png", picture("PNG", (8, 8))) for n in range(10)]}
    with pytest.raises(BadInput, match="最多上传 9 个"):
        move.act(only(), "submit", cast.manager, FORM, many)
    with pytest.raises(BadInput, match="没有这些附件栏"):
        move.act(only(), "submit", cast.manager, FORM, {"video": upload(picture())["photo"]})


def test_像素炸弹不展开(cast: Cast) -> None:
    alert(cast.tank)
    out = BytesIO()
    Image.new("1", (9000, 9000)).save(out, "PNG")
    assert len(out.getvalue()) < 100_000
    with pytest.raises(BadInput, match="太大"):
        move.act(only(), "submit", cast.manager, FORM, upload(out.getvalue(), "x.png"))


@pytest.mark.parametrize(("given", "kept"), [
    ("../../etc/passwd", "passwd"), ("C:\\Users\\a\\现场.jpg", "现场.jpg"), ("a\u202egpj.exe", "agpj.exe"),
    ("x\0y<>.png", "xy.png"), ("", "file"), ("...", "file"), ("长" * 300, "长" * 120)])
def test_文件名里不留路径和控制符(given: str, kept: str) -> None:
    assert evidence.safe_name(given) == kept
