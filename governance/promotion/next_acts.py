"""What to do next about each reason a gate refuses for: the act, where it is done, and whose it is."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from countersign.actors import Actor
from countersign.permissions import Permission
from countersign.verdicts import Reason
from governance.environments.models import Environment
from governance.promotion.queries import Gate
from registry.versions.models import ModelVersion


@dataclass(frozen=True, slots=True)
class Unmet:
    """One reason with the next act. Without a `url` the act is somebody else's, and the words say whose."""

    reason: Reason
    words: str
    url: str = ""


_ASK = {
    "no_review": "Ask for a review",
    "review_rejected": "Ask for a new review",
    "review_revoked": "Ask for a new review",
    "review_stale": "Ask for a new review",
    "review_expired": "Ask for a new review",
    "approval_stale": "Ask for a new review",
    "approval_expired": "Ask for a new review",
}


def unmet(gate: Gate, *, version: ModelVersion, environment: Environment, actor: Actor) -> list[Unmet]:
    """The reasons of a refusal in the verdict's order, each with what this actor can do next."""
    return [_next(reason, version, environment, actor) for reason in gate.verdict.reasons]


def _next(reason: Reason, version: ModelVersion, environment: Environment, actor: Actor) -> Unmet:
    model = version.model
    address = (model.name, version.number)

    def allowed(permission: Permission, words: str, url: str, whose: str) -> Unmet:
        may = actor.holds(permission, model.team_id)
        return Unmet(reason, words if may else whose, url if may else "")

    if reason.code in _ASK:
        url = f"{reverse('governance:review-ask', args=address)}?environment={environment.slug}"
        whose = f"A contributor of {model.team.name} asks"
        return allowed(Permission.REQUEST_REVIEW, _ASK[reason.code], url, whose)
    if reason.code == "archived":
        page = reverse("registry:version", args=address)
        if model.archived_at:
            page = reverse("registry:model", args=[model.name])
        return allowed(Permission.ARCHIVE, "Restore it", f"{page}#keeping", "Its owner restores it")
    if reason.code == "no_tier":
        url = reverse("governance:profile", args=[model.name])
        return allowed(Permission.SET_PROFILE, "Set the tier", url, "Its owner sets one")
    if reason.code == "no_policy":
        return Unmet(reason, "The policies", reverse("governance:policies"))
    if reason.code == "card":
        url = reverse("governance:card-edit", args=address)
        whose = f"A contributor of {model.team.name} writes it"
        return allowed(Permission.EDIT_CARD, "Complete the card", url, whose)
    return _measured(reason, version, actor)


def _measured(reason: Reason, version: ModelVersion, actor: Actor) -> Unmet:
    """What asks for evidence, for another upload, or for a look at what was measured or signed."""
    looked_at = reason.looked_at or {}
    path, model = str(looked_at.get("path", "")), version.model
    ask = f"{reverse('governance:evaluations', args=[model.name, version.number])}#ask"
    may_evaluate = actor.holds(Permission.EVALUATE, model.team_id)
    if path.startswith(("lineage.", "version.")):
        may = actor.holds(Permission.REGISTER, model.team_id)
        url = f"{reverse('registry:model', args=[model.name])}#send"
        return Unmet(
            reason, "Send another version" if may else "Another version is needed", url if may else ""
        )
    if reason.code == "evaluation" and looked_at.get("newest_state") == "waiting" and reason.link:
        return Unmet(reason, "See its progress", reason.link)
    if reason.code == "evaluation" and looked_at.get("newest_state") == "failed" and reason.link:
        return Unmet(reason, "See why", reason.link)
    again = reason.code == "evaluation-age" or path.startswith(("circumstances.", "evaluation."))
    if again or (looked_at.get("evaluation") is None and reason.state == "not_measured"):
        words = "Evaluate it again" if again and looked_at.get("evaluation") else "Evaluate it"
        return Unmet(
            reason, words if may_evaluate else "An evaluation is needed", ask if may_evaluate else ""
        )
    if reason.code == "evaluation":
        return Unmet(reason, "Evaluate it", ask) if may_evaluate else Unmet(reason, "An evaluation is needed")
    words = "Answer" if reason.code == "changes_requested" else "Sign-offs"
    if reason.code in ("sign_off_missing", "not_approved", "changes_requested"):
        return Unmet(reason, words, f"{reason.link}#signoffs" if words == "Sign-offs" else reason.link or "")
    if path.startswith("metrics.") and reason.link and "groups" not in looked_at:
        return Unmet(reason, "Evidence", f"{reason.link}#m-{path.removeprefix('metrics.')}")
    return Unmet(reason, "Evidence", reason.link or "")
