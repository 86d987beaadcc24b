"""The address of a point (source, device, key) as columns of the sheet of points."""

from typing import Any

from shouwang.engines.subjects import import_points
from shouwang.engines.subjects.import_report import Problem
from shouwang.engines.subjects.sheets import Column, Row
from shouwang.kernel import access
from shouwang.kernel.models import Account

from .models import Channel, Source

ADDRESS = ("source__name", "device", "key")


class Address:
    """Three columns that go together: all filled, or all empty (the point then has no address)."""

    columns = [Column("source", "接入源", False, "已登记的网关或设备名"),
               Column("device", "设备", False, "网关下的设备名"),
               Column("key", "数据键", False, "遥测键名,如 level")]

    def check(self, rows: list[Row], account: Account) -> list[Problem]:
        """Sources must exist within the account's reach; an address carries one point only."""
        sources = _sources(rows)
        taken = _taken(rows)
        problems: list[Problem] = []
        seen: dict[tuple[str, str, str], int] = {}
        for row in rows:
            if (wrong := _look(row, sources, taken, seen, account)) is not None:
                problems.append(wrong)
        return problems

    def differs(self, rows: list[Row]) -> set[str]:
        """Point codes whose address would change."""
        found = Channel.objects.filter(point__code__in=[r.get("code") for r in rows])
        now = {code: tuple(address) for code, *address in found.values_list("point__code", *ADDRESS)}
        return {r.get("code") for r in rows if r.has("source") and now.get(r.get("code"), ("", "", "")) != _cells(r)}

    def write(self, rows: list[Row], ids: dict[str, int]) -> None:
        """Set the addresses of written points; an emptied address is taken away."""
        addressed = [r for r in rows if r.has("source") and r.get("code") in ids]
        sources = _sources(addressed)
        Channel.objects.filter(point__in=[ids[r.get("code")] for r in addressed]).delete()
        Channel.objects.bulk_create([
            Channel(point_id=ids[r.get("code")], source=sources[r.get("source")], device=r.get("device"),
                    key=r.get("key"))
            for r in addressed if r.get("source")], batch_size=500)

    def shown(self, ids: list[int]) -> dict[int, dict[str, Any]]:
        """Address cells by point id."""
        found = Channel.objects.filter(point__in=ids).values_list("point_id", *ADDRESS)
        return {pk: dict(zip(("source", "device", "key"), address, strict=True)) for pk, *address in found}


def _cells(row: Row) -> tuple[str, str, str]:
    return row.get("source"), row.get("device"), row.get("key")


def _sources(rows: list[Row]) -> dict[str, Source]:
    named = Source.objects.filter(name__in={r.get("source") for r in rows})
    return {s.name: s for s in named.select_related("enterprise")}


def _taken(rows: list[Row]) -> dict[tuple[str, ...], str]:
    """Addresses already in use, by other points than those of the sheet."""
    codes = {r.get("code") for r in rows}
    found = Channel.objects.filter(source__name__in={r.get("source") for r in rows})
    return {tuple(address): code for code, *address in found.values_list("point__code", *ADDRESS) if code not in codes}


def _look(row: Row, sources: dict[str, Source], taken: dict[tuple[str, ...], str],
          seen: dict[tuple[str, str, str], int], account: Account) -> Problem | None:
    name, device, key = address = _cells(row)
    if not any(address):
        return None
    if not all(address):
        return Problem(row.number, "接入源", "接入源、设备、数据键要么都填,要么都空", "请补全地址")
    source = sources.get(name)
    if source is None:
        return Problem(row.number, "接入源", f"没有接入源 {name[:40]!r}", "请先在接入状况页登记网关并取得凭证")
    top = source.enterprise
    if top is not None and not access.reaches(account, "subjects.edit", region=top.region, top=top.pk, line=top.line):
        return Problem(row.number, "接入源", f"接入源 {name[:40]} 不在您可维护的范围", "请核对接入源名称")
    if len(device) > 80 or len(key) > 60:
        return Problem(row.number, "设备", "设备名最多 80 字、数据键最多 60 字", "请核对")
    if address in taken:
        return Problem(row.number, "数据键", f"此地址已由点位 {taken[address]} 占用", "一个地址只能对应一个点位")
    if address in seen:
        return Problem(row.number, "数据键", f"此地址与第 {seen[address]} 行重复", "一个地址只能对应一个点位")
    seen[address] = row.number
    return None


import_points.extend(Address())
