"""Who can be asked to act in one's place, for the list of a delegation."""

from django.db.models import Q

from shouwang.engines.flows import who
from shouwang.engines.flows.models import Matter
from shouwang.kernel import content
from shouwang.kernel.models import Account

MOST = 60


def near(account: Account, matter: Matter) -> list[Account]:
    """Active people with a fitting role over the matter's place, without the asker (two queries)."""
    wanted = who.STAND_IN.get(who.acting(matter.role), ())
    roles = [r.id for r in content.every("roles") if any(p in r.may for p in wanted)]
    prefixes = [matter.region[:n] for n in range(len(matter.region) + 1)]
    over = Q(grants__region__in=prefixes, grants__role__in=roles)
    here = over & (Q(grants__subject=matter.top_id) | Q(grants__subject=None))
    found = Account.objects.filter(here, is_active=True).exclude(pk=account.pk).distinct().order_by("name")
    return [a for a in found.prefetch_related("grants")[:MOST] if who.suitable(a, matter)]
