"""The words the wall's scripts show, in the reader's language, and where its numbers lead."""

from typing import Any

from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from shouwang.kernel import access, content


def titled(spec: Any) -> str:
    """A declared title in the reader's language."""
    return str(spec.title_en or spec.title) if (get_language() or "").startswith("en") else str(spec.title)


def scenes() -> list[dict[str, str]]:
    """The scene tabs: all first."""
    short = {"hazchem": _("危化"), "mine_net": _("矿山")}
    return [{"id": "", "title": _("总览"), "full": _("全部场景")}] + [
        {"id": s.id, "title": short.get(s.id, titled(s)), "full": titled(s)} for s in content.scenes.values()]


def links(account: Any) -> dict[str, str]:
    """Where numbers lead in the console; the scripts add region, scene and what was clicked."""
    return {
        "enterprises": reverse("subjects") + "?kind=enterprise", "hazards": reverse("subjects") + "?kind=major_hazard",
        "points": "/ingest/" if access.may(account, "ingest.see") else reverse("subjects") + "?kind=tank",
        "alerts": reverse("warnings"), "matters": reverse("matters"), "enterprise": reverse("subjects"),
    }


def lines() -> dict[str, str]:
    """Scene → the industry line whose enterprises it shows, where there is just one."""
    return {s.id: s.industries[0] for s in content.scenes.values() if len(s.industries) == 1}


def words() -> dict[str, str]:
    """Every word of the scripts."""
    return {
        "none": _("无预警"), "connecting": _("连接中"), "live": _("实时推送中"), "lost": _("连接中断,正在重连"),
        "closing_province": _("各市处置闭环率"), "closing_city": _("区县处置闭环率"),
        "closing_county": _("镇街处置闭环率"), "no_alerts": _("当前没有预警"), "no_matters": _("近30天没有事项"),
        "no_enterprises": _("此范围内没有企业"), "open_alerts": _("当前预警"), "points": _("监测点"),
        "hazards": _("重大危险源"), "matters": _("在办事项"), "open_page": _("进入企业页面"), "close": _("关闭"),
        "more": _("另有 %s 条"), "since": _("起"), "upgraded": _("升级"), "cleared": _("已恢复"),
        "escalated": _("升级呼叫"), "closed": _("已销号"), "no_data": _("断线"), "region": _("区域"),
        "choose": _("切换区域"), "load_failed": _("读取失败,稍后自动重试"),
        "no_webgl": _("此浏览器不能绘制地图,其余内容照常"),
    }
