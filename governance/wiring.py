"""What governance plugs into the layers below at start-up, in one place to read."""

from __future__ import annotations


def wire() -> None:
    """Import what registers itself: gates, job handlers, presenters, panels, reactions, visibility."""
    from importlib import import_module

    for module in MODULES:
        import_module(f"governance.{module}")


MODULES = (
    "gates",
    "visibility",
    "reactions",
    "panels",
    "profiles.presenters",
    "environments.presenters",
    "cards.presenters",
    "evaluation.presenters",
    "evaluation.jobs",
    "policies.presenters",
    "reviews.presenters",
    "promotion.presenters",
    "export.presenters",
    "export.jobs",
    "inbox.panels",
)
