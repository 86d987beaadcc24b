"""Every line of the journal holds to the line before of its alert; what stands there already is chained as it stands."""

import json
from itertools import groupby

from django.core.serializers.json import DjangoJSONEncoder
from django.db import migrations, models

from shouwang.engines.rules import chain
from shouwang.kernel import append_only

TABLE = "rules_alertchange"
CHUNK = 500


def record(line):
    """The fields of a line as 2026-11 wrote them: a later change of the record does not reach back to here."""
    return {"alert": line.alert_id, "place": line.place, "rule": line.rule, "point": line.point, "seq": line.seq,
            "at": chain.utc(line.at), "recorded_at": chain.utc(line.recorded_at), "kind": line.kind, "tier": line.tier,
            "level": line.level, "value": line.value, "actor": line.actor, "note": line.note,
            "data": json.loads(json.dumps(line.data, cls=DjangoJSONEncoder)), "prev": line.prev}


def chained(lines):
    """The lines in order of (alert, id), each with its place, what it holds to and its hash."""
    for _alert, own in groupby(lines, key=lambda line: line.alert_id):
        prev = chain.FIRST
        for place, line in enumerate(own, 1):
            line.place, line.prev = place, prev
            prev = line.hash = chain.digest(record(line))
            yield line


def open_table(apps, editor):
    append_only.unprotect(editor.connection, TABLE)


def close_table(apps, editor):
    append_only.protect(editor.connection, TABLE)


def back_fill(apps, editor):
    lines = apps.get_model("rules", "AlertChange").objects
    waiting = []
    for line in chained(lines.order_by("alert_id", "id").iterator(CHUNK)):
        waiting.append(line)
        if len(waiting) == CHUNK:
            lines.bulk_update(waiting, ["place", "prev", "hash"])
            waiting = []
    lines.bulk_update(waiting, ["place", "prev", "hash"])


class Migration(migrations.Migration):
    dependencies = [("rules", "0003_intake_epoch")]
    operations = [
        migrations.RunPython(open_table, close_table),
        migrations.AddField("alertchange", "place", models.PositiveIntegerField(default=0)),
        migrations.AddField("alertchange", "prev", models.CharField(max_length=64, blank=True, default=""),
                            preserve_default=False),
        migrations.AddField("alertchange", "hash", models.CharField(max_length=64, blank=True, default=""),
                            preserve_default=False),
        migrations.RunPython(back_fill, migrations.RunPython.noop),
        migrations.AddConstraint("alertchange", models.UniqueConstraint(fields=["alert", "place"],
                                                                       name="one_line_a_place")),
        migrations.RunPython(close_table, open_table),
    ]
