"""Django application of jobs."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Named so that labels stay short."""

    name = "countersign.jobs"
    label = "jobs"
