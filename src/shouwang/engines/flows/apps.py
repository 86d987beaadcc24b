"""The flows engine as a Django app."""

from django.apps import AppConfig


class FlowsConfig(AppConfig):
    """流程."""

    name = "shouwang.engines.flows"
    label = "flows"
    default_auto_field = "django.db.models.BigAutoField"
