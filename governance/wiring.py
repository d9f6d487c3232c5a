"""What governance plugs into the layers below at start-up, in one place to read."""

from __future__ import annotations

from countersign.web import navigation


def wire() -> None:
    """Import what registers itself: gates, job handlers, presenters, panels, reactions, visibility."""
    from importlib import import_module

    for module in MODULES:
        import_module(f"governance.{module}")
    navigation.register(label="Policies", url_name="governance:policies", order=50, key="p")


MODULES = (
    "gates",
    "visibility",
    "reactions",
    "panels",
    "model_list",
    "version_list",
    "model_panels",
    "profiles.verbs",
    "profiles.presenters",
    "environments.verbs",
    "environments.presenters",
    "cards.verbs",
    "cards.presenters",
    "cards.panels",
    "evaluation.verbs",
    "evaluation.presenters",
    "evaluation.jobs",
    "evaluation.confinement",
    "evaluation.parts.jobs",
    "evaluation.panels",
    "reports.verbs",
    "reports.presenters",
    "reports.panels",
    "comparisons.verbs",
    "comparisons.presenters",
    "comparisons.jobs",
    "champions",
    "yardstick",
    "policies.verbs",
    "policies.presenters",
    "reviews.verbs",
    "reviews.presenters",
    "promotion.verbs",
    "promotion.presenters",
    "promotion.history",
    "export.verbs",
    "export.presenters",
    "export.jobs",
    "export.panels",
    "inbox.panels",
    "search",
    "lineage",
)
