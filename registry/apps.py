"""Django application of what was made: models, versions, runs, datasets, lineage."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Wires presenters, panels, job handlers and system checks at start."""

    name = "registry"

    def ready(self) -> None:
        from registry import wiring

        wiring.wire()
