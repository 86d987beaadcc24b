"""The subjects engine as a Django app."""

from django.apps import AppConfig


class SubjectsConfig(AppConfig):
    """监管对象."""

    name = "shouwang.engines.subjects"
    label = "subjects"
    default_auto_field = "django.db.models.BigAutoField"
