"""kernel_event is append-only by database trigger."""

from django.db import migrations

from shouwang.kernel import append_only

TABLE = "kernel_event"


def forwards(apps, editor):
    append_only.protect(editor.connection, TABLE)


def backwards(apps, editor):
    append_only.unprotect(editor.connection, TABLE)


class Migration(migrations.Migration):
    dependencies = [("kernel", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
