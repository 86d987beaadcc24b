"""The telemetry engine as a Django app."""

from django.apps import AppConfig


class TelemetryConfig(AppConfig):
    """读数."""

    name = "shouwang.engines.telemetry"
    label = "telemetry"
    default_auto_field = "django.db.models.BigAutoField"
