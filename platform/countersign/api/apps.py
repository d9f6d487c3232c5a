"""Django application of api."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Named so that labels stay short."""

    name = "countersign.api"
    label = "api"
