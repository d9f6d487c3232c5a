"""Django application of what was decided: cards, evaluations, policies, reviews, promotions, exports."""

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    """Registers gates, reactions, panels, presenters and job handlers at start."""

    name = "governance"

    def ready(self) -> None:
        from governance import wiring

        wiring.wire()
