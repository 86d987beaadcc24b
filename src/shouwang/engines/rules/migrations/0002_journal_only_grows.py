"""rules_alertchange is append-only by database trigger."""

from django.db import migrations

from shouwang.kernel import append_only

TABLE = "rules_alertchange"


def forwards(apps, editor):
    append_only.protect(editor.connection, TABLE)


def backwards(apps, editor):
    append_only.unprotect(editor.connection, TABLE)


class Migration(migrations.Migration):
    dependencies = [("rules", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
