"""Imports: choose a kind, fill in its sheet, see every error before anything is written, then write all or nothing."""

import json
import re
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from shouwang.engines.subjects import import_rows
from shouwang.kernel import content
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Account

from .account import who
from .registry import SHEET
from .templatetags.shouwang import titled

EDIT = "subjects.edit"
BIGGEST = 20 * 1024 * 1024
KEPT_S = 3600
DIGEST = re.compile(r"[0-9a-f]{64}")


@guarded(EDIT)
def index(request: HttpRequest) -> HttpResponse:
    """What can be imported, with its headings and templates."""
    return _page(request, request.GET.get("kind", ""), {})


def _page(request: HttpRequest, kind: str, extra: dict[str, Any], status: int = 200) -> HttpResponse:
    kinds = import_rows.kinds()
    kind = kind if kind in kinds else "enterprise"
    return render(request, "console/admin/imports.html", {
        "kinds": [(k, _title(k, t)) for k, t in kinds.items()], "kind": kind, "title": _title(kind, kinds[kind]),
        "columns": import_rows.columns(kind), **extra}, status=status)


def _title(kind: str, title: str) -> str:
    """The kind in the reader's language."""
    declared = next((k for k in content.every("kinds") if k.id == kind), None)
    return titled(declared) if declared else _(title)


@guarded(EDIT)
def template(request: HttpRequest, kind: str) -> HttpResponse:
    """An empty sheet to fill in."""
    form = request.GET.get("format", "xlsx")
    if form not in SHEET:
        raise BadInput(_("模板只有 xlsx 和 csv"))
    return HttpResponse(import_rows.template(kind, form), content_type=SHEET[form], headers={
        "Content-Disposition": f'attachment; filename="{kind}-template.{form}"'})


@guarded(EDIT)
@require_POST
def check(request: HttpRequest) -> HttpResponse:
    """The dry run: every row checked, nothing written; the file is kept for an hour for the next step."""
    account, kind = who(request), request.POST.get("kind", "")
    try:
        body, filename = _upload(request)
        report = import_rows.dry_run(kind, body, filename, account)
    except BadInput as wrong:
        return _page(request, kind, {"wrong": str(wrong)}, 400)
    if report.ok:
        _keep(account, report.digest, body, {"kind": kind, "filename": filename})
    return _page(request, kind, {"report": report.shown()}, 200 if report.ok else 400)


def _upload(request: HttpRequest) -> tuple[bytes, str]:
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        raise BadInput(_("请选择要导入的文件"))
    if (file.size or 0) > BIGGEST:
        raise BadInput(_("文件超过 20 MB;请分成几个文件"))
    return file.read(), str(file.name or "")[:120]


@guarded(EDIT)
@require_POST
def commit(request: HttpRequest) -> HttpResponse:
    """Write all rows of the file that was checked, checking it again; one wrong row and nothing is written."""
    account, digest = who(request), request.POST.get("digest", "")
    kept = _kept(account, digest)
    if kept is None:
        return _page(request, request.POST.get("kind", ""), {"wrong": _("预检过的文件已过期,请重新选择文件预检")}, 400)
    body, facts = kept
    try:
        report = import_rows.commit(facts["kind"], body, facts["filename"], account, digest=digest)
    except import_rows.Refused as refused:
        return _page(request, facts["kind"], {"wrong": str(refused), "report": refused.report.shown()}, 400)
    _forget(account, digest)
    messages.success(request, _("已导入 %(rows)s 行:新增 %(create)s,更新 %(update)s,未变 %(same)s") % {
        "rows": report.rows, "create": report.create, "update": report.update, "same": report.same})
    return redirect(f"/imports/?kind={facts['kind']}")


def _folder(account: Account) -> Path:
    return Path(settings.MEDIA_ROOT) / "imports" / str(account.pk)


def _keep(account: Account, digest: str, body: bytes, facts: dict[str, str]) -> None:
    """The checked bytes beside what they are; files of an hour ago go away on the way."""
    folder = _folder(account)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in folder.iterdir():
        if time.time() - old.stat().st_mtime > KEPT_S:
            old.unlink(missing_ok=True)
    (folder / digest).write_bytes(body)
    (folder / f"{digest}.json").write_text(json.dumps(facts, ensure_ascii=False), "utf8")


def _kept(account: Account, digest: str) -> tuple[bytes, dict[str, str]] | None:
    """What was kept under the digest by this account within the hour. Only a digest is ever a file name."""
    if not DIGEST.fullmatch(digest):
        return None
    file = _folder(account) / digest
    try:
        if time.time() - file.stat().st_mtime > KEPT_S:
            return None
        return file.read_bytes(), json.loads(file.with_suffix(".json").read_text("utf8"))
    except (FileNotFoundError, ValueError):
        return None


def _forget(account: Account, digest: str) -> None:
    for name in (digest, f"{digest}.json"):
        (_folder(account) / name).unlink(missing_ok=True)
