"""The base application: it holds the management commands."""

from django.apps import AppConfig


class CountersignConfig(AppConfig):
    """Named so that its label is plain."""

    name = "countersign"
    label = "countersign"
