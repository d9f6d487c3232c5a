"""Django application of upkeep."""

from django.apps import AppConfig


class UpkeepConfig(AppConfig):
    """Named so that labels stay short."""

    name = "countersign.upkeep"
    label = "upkeep"
