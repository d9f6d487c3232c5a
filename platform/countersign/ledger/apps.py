"""Django application of the ledger."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import register
from django.db.models.signals import post_migrate


class LedgerConfig(AppConfig):
    """Grants the serving role what it may do to the tables, and checks what upper layers registered."""

    name = "countersign.ledger"
    label = "ledger"

    def ready(self) -> None:
        from countersign.ledger import checks, presenters, roles, search, views  # noqa: F401  some register themselves
        from countersign.web import foot, navigation

        foot.register(views.foot)
        navigation.register(label="Ledger", url_name="ledger:trail", order=70, key="l")
        register(checks.check_recorded)
        register(checks.check_subscriptions)
        post_migrate.connect(roles.grant_after_migrate, sender=self)
