"""Django application of upkeep: health, grants, collection of what nobody uses."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class UpkeepConfig(AppConfig):
    """Grants the serving role its tables after every migrate."""

    name = "countersign.upkeep"
    label = "upkeep"

    def ready(self) -> None:
        from countersign.upkeep import jobs, panels, roles  # noqa: F401  jobs and panels register themselves

        # Django sends the signal, after all migrations, once for each app that has models; upkeep has none.
        post_migrate.connect(roles.grant_after_migrate, sender=apps.get_app_config("accounts"))
