"""The kernel as a Django app."""

from django.apps import AppConfig


class KernelConfig(AppConfig):
    """Events, dated params, accounts: what every engine stands on."""

    name = "shouwang.kernel"
    label = "kernel"
    default_auto_field = "django.db.models.BigAutoField"
