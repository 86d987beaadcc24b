"""The rules engine as a Django app."""

from django.apps import AppConfig


class RulesConfig(AppConfig):
    """研判."""

    name = "shouwang.engines.rules"
    label = "rules"
    default_auto_field = "django.db.models.BigAutoField"
