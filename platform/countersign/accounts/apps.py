"""Django application of people, teams and tokens."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Registers how jobs find the actor they run for, and what else lower layers ask of accounts."""

    name = "countersign.accounts"
    label = "accounts"

    def ready(self) -> None:
        from countersign.accounts import wiring

        wiring.wire()
