"""Django application of people, teams and tokens."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Registers how jobs find the actor they run for."""

    name = "countersign.accounts"
    label = "accounts"

    def ready(self) -> None:
        from countersign.accounts import presenters, queries  # noqa: F401
        from countersign.jobs import runner

        runner.register_actor_resolver(queries.actor_of)
