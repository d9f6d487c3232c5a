"""Governance's gates: what registry asks before it moves an alias, renames or archives. No road leads past them."""

from __future__ import annotations

from django.urls import reverse

from countersign.actors import Actor
from countersign.verdicts import Reason, Verdict
from governance.environments.models import Environment
from governance.environments.queries import environment_of_alias
from governance.promotion.actions import PromotionPass
from governance.promotion.models import Promotion
from governance.promotion.queries import live_anywhere
from governance.reviews.models import LIVE, Review
from registry import gates
from registry.gates import Act, Question


class AliasGate:
    """A protected alias moves only by promotion (or rollback), whatever road the request took."""

    code = "governance.alias"

    def check(self, question: Question, actor: Actor) -> Verdict:
        """Allows free aliases, and the one move a promotion of this transaction carries out."""
        if question.act not in (Act.SET_ALIAS, Act.DELETE_ALIAS) or question.alias is None:
            return Verdict.allow()
        environment = environment_of_alias(question.alias)
        if environment is None:
            return Verdict.allow()
        carried = question.pass_for
        if (
            question.act is Act.SET_ALIAS
            and question.version is not None
            and isinstance(carried, PromotionPass)
            and carried.version == question.version.id
            and carried.environment == environment.id
            and Promotion.objects.filter(
                id=carried.promotion,
                version=question.version,
                environment=environment,
                live_periods__isnull=True,  # it has not been carried out before
            ).exists()
        ):
            return Verdict.allow()
        return Verdict.because(
            "alias_protected",
            f"“{environment.alias}” is the protected alias of {environment.name}: it moves only by promotion. "
            "Ask for a review, then promote the version.",
        )


class ModelGate:
    """A model with a live version, or one under review, is not renamed or archived."""

    code = "governance.model"

    def check(self, question: Question, actor: Actor) -> Verdict:
        """Refuses for each place it is live in and each live review."""
        if question.act not in (Act.RENAME_MODEL, Act.ARCHIVE_MODEL):
            return Verdict.allow()
        reasons = [
            Reason("live", f"Version {period.version.number} is live in {period.environment.name}.")
            for period in live_anywhere(question.model)
        ]
        reasons += [
            Reason(
                "under_review",
                f"Version {review.version.number} is under review ({review.number}).",
                reverse("governance:review", args=[review.number]),
            )
            for review in Review.objects.filter(version__model=question.model, state__in=LIVE).select_related(
                "version"
            )
        ]
        return Verdict.refuse(*reasons) if reasons else Verdict.allow()


class VersionGate:
    """A version that is live or under review is not archived."""

    code = "governance.version"

    def check(self, question: Question, actor: Actor) -> Verdict:
        """Refuses for each place it is live in and each live review."""
        if question.act is not Act.ARCHIVE_VERSION or question.version is None:
            return Verdict.allow()
        reasons = [
            Reason("live", f"It is live in {period.environment.name}.")
            for period in live_anywhere(question.model).filter(version=question.version)
        ]
        reasons += [
            Reason(
                "under_review",
                f"It is under review ({review.number}). Withdraw the review first.",
                reverse("governance:review", args=[review.number]),
            )
            for review in Review.objects.filter(version=question.version, state__in=LIVE)
        ]
        return Verdict.refuse(*reasons) if reasons else Verdict.allow()


for gate in (AliasGate(), ModelGate(), VersionGate()):
    gates.register_gate(gate)
gates.register_protection(lambda: frozenset(Environment.objects.values_list("alias_folded", flat=True)))
