"""Reviews, policies and audit exports, as search finds them."""

from __future__ import annotations

from django.db.models import Q
from django.urls import reverse

from countersign.actors import Actor
from countersign.permissions import Permission
from countersign.web.formats import instant
from countersign.web.search import PROSE, Found, Hit, Kind, Query, by_prose, register
from governance.export.models import AuditExport
from governance.export.queries import exports_visible_to
from governance.policies.models import Policy
from governance.policies.queries import policies_visible_to
from governance.reviews.models import Review
from governance.reviews.queries import reviews_visible_to


def find_reviews(actor: Actor, query: Query, limit: int) -> Found:
    """By number, by the name of the model, or “credit-default 14”; newest first."""
    wanted = Q(pk__in=[])
    if query.folded:
        wanted |= Q(version__model__name_folded__contains=query.folded)
    if (number := query.number_of("review")) is not None:
        wanted = Q(number=number)
    elif query.numbered and query.numbered[0]:
        wanted |= Q(version__model__name_folded=query.numbered[0], version__number=query.numbered[1])
    return Found.of(reviews_visible_to(actor).filter(wanted), limit, _review)


def find_words_in_reviews(actor: Actor, query: Query, limit: int) -> Found:
    """By what was asked; newest first."""
    rows = by_prose(reviews_visible_to(actor), query, prose="reason", name="version__model__name_folded")
    return Found.of(rows, limit, _review)


def _review(review: Review) -> Hit:
    return Hit(
        f"Review {review.number}: {review.version} for {review.environment.name}",
        reverse("governance:review", args=[review.number]),
        about=review.reason[:110],
        aside=review.get_state_display(),
        icon="seal",
    )


def find_policies(actor: Actor, query: Query, limit: int) -> Found:
    """By name, tier or environment, for who may see anything here."""
    if not actor.holds_anywhere(Permission.SEE):
        return Found()
    text = query.text
    wanted = Q(name__icontains=text) | Q(risk_tier__istartswith=text) | Q(environment__name__istartswith=text)
    return Found.of(policies_visible_to(actor).filter(wanted), limit, _policy)


def _policy(policy: Policy) -> Hit:
    return Hit(
        policy.name,
        reverse("governance:policy", args=[policy.pk]),
        about=f"{policy.get_risk_tier_display()} tier, {policy.environment.name}",
        icon="lock",
    )


def find_exports(actor: Actor, query: Query, limit: int) -> Found:
    """By number, or by the beginning of the bundle's digest, for who may take them away."""
    if not actor.holds_anywhere(Permission.EXPORT):
        return Found()
    wanted = Q(pk__in=[])
    if (number := query.number_of("export", "audit export")) is not None:
        wanted |= Q(number=number)
    if query.digest:
        wanted |= Q(blob__pk__startswith=query.digest)
    if query.folded:
        wanted |= Q(model__name_folded__startswith=query.folded)
    return Found.of(exports_visible_to(actor).filter(wanted), limit, _export)


def _export(export: AuditExport) -> Hit:
    return Hit(
        f"Audit export {export.number}",
        reverse("governance:export", args=[export.number]),
        about=export.model.name if export.model else "",
        aside=instant(export.created_at),
        digest=export.blob_id or "",
    )


register(Kind("reviews", "Reviews", 30, find_reviews))
register(Kind("policies", "Policies", 50, find_policies))
register(Kind("exports", "Audit exports", 70, find_exports))
register(Kind("review-words", "Said in reviews", PROSE + 2, find_words_in_reviews))
