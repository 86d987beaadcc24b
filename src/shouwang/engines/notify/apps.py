"""The notify engine as a Django app."""

from django.apps import AppConfig


class NotifyConfig(AppConfig):
    """通知."""

    name = "shouwang.engines.notify"
    label = "notify"
    default_auto_field = "django.db.models.BigAutoField"
