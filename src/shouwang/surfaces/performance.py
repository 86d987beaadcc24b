"""Alarm performance as page and API ask for it: of one's reach, a region, an enterprise or a duty post."""

from dataclasses import dataclass
from typing import Any

from shouwang.engines.notify.models import Post
from shouwang.engines.rules import kpis
from shouwang.engines.rules.kpis import Group, Performance, Place
from shouwang.kernel import access
from shouwang.kernel.errors import BadInput

MOST_POSTS = 60


@dataclass(frozen=True)
class Asked:
    """What is asked for; blank fields do not narrow."""

    month: str = ""
    region: str = ""
    top: int | None = None
    scene: str = ""
    post: int | None = None


def found(account: Any, asked: Asked) -> Performance:
    """The figures; a post stands for its region or its enterprise. BadInput for a post out of reach."""
    region, top = asked.region, asked.top
    if asked.post is not None:
        post = posts(account).filter(pk=asked.post).first()
        if post is None:
            raise BadInput("没有这个值守岗位,或不在您的管辖范围")
        region, top = post.region, post.subject
    return kpis.performance(account, kpis.span_of(asked.month), region=region, top=top, scene=asked.scene)


def posts(account: Any) -> Any:
    """Posts whose rosters the person may see; none without that permission."""
    return Post.objects.filter(access.scope(account, "rosters.see", region="region", top="subject"))


def by_post(account: Any, performance: Performance) -> list[Group]:
    """The busiest duty posts: an enterprise's post has its enterprise's alarms, any other those of its region."""
    if not access.may(account, "rosters.see"):
        return []
    found_ = posts(account).values_list("pk", "name", "region", "subject").order_by("pk")
    places = [Place(str(pk), name, region, subject) for pk, name, region, subject in found_]
    return kpis.grouped(performance, places)[:MOST_POSTS]


def groups(account: Any, performance: Performance, by: str, region: str) -> list[Group]:
    """By `post`, `enterprise` or `region` (the next parts below); anything else has none."""
    if by == "post":
        return by_post(account, performance)
    if by == "enterprise":
        return kpis.by_enterprise(performance)
    below = digits_below(region or access.home_region(account))
    return kpis.by_region(performance, below) if by == "region" else []


def digits_below(region: str) -> int:
    """How many digits the codes of the parts below a region have."""
    return next((n for n in (2, 4, 6, 9, 12) if n > len(region)), 12)
