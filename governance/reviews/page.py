"""What the page of a review shows, gathered in one place for its views."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from countersign.actors import Actor
from countersign.ledger.names import names_of
from countersign.ledger.queries import Filters, entries
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request
from governance.reviews.differences import differences
from governance.reviews.figures import STATES, shown, state_of, tally_of
from governance.reviews.forms import ReasonForm, RemarkForm, SignForm
from governance.reviews.models import Decision, Review, ReviewState, SignOff
from governance.reviews.queries import Standing, contributor_people, standing_of
from governance.reviews.seal import Offer, lines_of, offer_to, sign_form
from governance.reviews.verbs import (
    REVIEW_ANSWERED,
    REVIEW_DECIDED,
    REVIEW_ENDED,
    REVIEW_REVOKED,
    REVIEW_WITHDRAWN,
)
from registry.versions.queries import version_at_alias

TEMPLATE = "governance/reviews/review.html"
EVENTS_SHOWN = 50
DECIDED = {
    Decision.APPROVE: ("signed", "Signed"),
    Decision.REQUEST_CHANGES: ("half", "Asked for changes"),
    Decision.REJECT: ("refused", "Rejected"),
}
MOVED = {
    ReviewState.APPROVED: "the review is approved",
    ReviewState.REJECTED: "the review is closed as rejected",
    ReviewState.CHANGES_REQUESTED: "nobody can approve until the changes are answered",
}
EVENTS = {
    REVIEW_ANSWERED.name: "answered the requested changes: the review is open again",
    REVIEW_WITHDRAWN.name: "withdrew the review",
    REVIEW_REVOKED.name: "revoked the approval",
    REVIEW_ENDED.name: "asked for a new review, so this one ended",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One turn of the conversation: a remark, a signed decision (with its status), or what somebody did."""

    kind: str
    who: str
    at: datetime
    text: str = ""
    status: tuple[str, str] = ("", "")
    as_what: str = ""


def review_context(
    request: HttpRequest,
    review: Review,
    *,
    standing: Standing | None = None,
    offer: Offer | None = None,
    form: SignForm | None = None,
    remark_form: RemarkForm | None = None,
    reason_form: ReasonForm | None = None,
    moved: str = "",
    kept: str = "",
) -> dict[str, Any]:
    """Names for the template. Views that say no pass the form as it was typed, what `moved`, and the text to be
    `kept` where no form is left to keep it."""
    actor = actor_of_request(request)
    version = review.version
    standing = standing or standing_of(review)
    contributors = contributor_people(version)
    offer = offer or offer_to(actor, standing, contributors)
    live = version_at_alias(version.model, review.environment.alias)
    requirements = shown(standing.requirements)
    not_met = [one for one in requirements if one.result.state not in ("met", "not_applicable")]
    team = version.model.team_id
    return {
        "review": review,
        "version": version,
        "model": version.model,
        "environment": review.environment,
        "standing": standing,
        "state": state_of(standing),
        "tally": tally_of(standing),
        "live": live,
        "changes": _changes(standing, version, live),
        "not_met": not_met,
        "met": [one for one in requirements if one.result.state in ("met", "not_applicable")],
        "blocking": len(standing.blocking),
        "lines": lines_of(standing, contributors, actor, offer),
        "makers": sorted(
            {one.user.full_name for one in version.contributors.select_related("user") if one.user}
        ),
        "said": _conversation(actor, review),
        "offer": offer,
        "form": form or (sign_form(standing, offer) if offer.open else None),
        "remark_form": remark_form or RemarkForm(),
        "reason_form": reason_form or ReasonForm(),
        "moved": moved,
        "kept": kept,
        "parts": _parts(standing),
        "may_remark": actor.holds(Permission.COMMENT, team),
        "may_withdraw": review.live and actor.holds(Permission.REQUEST_REVIEW, team),
        "may_answer": review.state == ReviewState.CHANGES_REQUESTED
        and actor.holds(Permission.REQUEST_REVIEW, team),
        "may_revoke": review.state == ReviewState.APPROVED and actor.holds(Permission.REVOKE_APPROVAL, team),
        "may_promote": state_of(standing) == STATES[ReviewState.APPROVED]
        and (live is None or live.id != version.id)
        and actor.holds(Permission.PROMOTE, team),
        "may_ask": state_of(standing)[1] not in ("Open", "Changes requested", "Approved")
        and actor.holds(Permission.REQUEST_REVIEW, team),
    }


def _changes(standing: Standing, version: Any, live: Any) -> Any:
    if live is None or live.id == version.id:
        return None
    return differences(
        version=version, live=live, policy=standing.policy, evidence=standing.evidence, card=standing.card
    )


def _parts(standing: Standing) -> list[tuple[str, str, str, str]]:
    """What one signs: label, digest, link, and a remark where it is missing."""
    version, revision = standing.review.version, standing.review.policy_revision
    where = [version.model.name, version.number]
    evidence, card = standing.evidence, standing.card
    parts = standing.subject.parts
    return [
        (f"Version {version.number}", version.digest, reverse("registry:version", args=where), ""),
        (
            f"Evidence, evaluation {evidence.number}" if evidence else "Evidence",
            evidence.results_digest if evidence else "",
            reverse("governance:evaluation", args=[*where, evidence.number]) if evidence else "",
            "" if evidence else "nobody evaluated the version",
        ),
        (
            f"Card, revision {card.number}" if card else "Card",
            card.digest if card else "",
            reverse("governance:card", args=where),
            "" if card else "nobody wrote it",
        ),
        ("Lineage", parts["lineage"], reverse("registry:version-lineage", args=where), ""),
        ("Contributors", parts["contributors"], "", ""),
        (
            f"Policy, revision {revision.number}, {standing.policy.risk_tier} tier",
            standing.policy.digest,
            reverse("governance:policy", args=[revision.policy_id]),
            "",
        ),
    ]


def _conversation(actor: Actor, review: Review) -> list[Said]:
    """Who asked, what was said, signed and done, oldest first."""
    said = [
        Said(
            "remark",
            review.requested_by_label,
            review.created_at,
            review.reason,
            as_what="asked for this review",
        )
    ]
    said += [
        Said("remark", remark.author_label, remark.created_at, remark.body)
        for remark in review.remarks.order_by("created_at", "id")
    ]
    said += [_decision(sign_off) for sign_off in review.sign_offs.order_by("signed_at", "id")]
    found = entries(
        actor=actor,
        filters=Filters(subject_type=Review.ledger_type, subject_ref=review.id),
        limit=EVENTS_SHOWN,
    ).entries
    names = names_of(found)
    for entry in found:
        verb = entry.leaf["verb"]
        if verb in EVENTS:
            said.append(
                Said(
                    "did",
                    names[entry.id],
                    entry.recorded_at,
                    entry.personal.get("reason", ""),
                    as_what=EVENTS[verb],
                )
            )
        elif verb == REVIEW_DECIDED.name:
            said.append(
                Said(
                    "did",
                    "",
                    entry.recorded_at,
                    as_what=f"With that, {MOVED[entry.leaf['data']['after']['state']]}",
                )
            )
    return sorted(said, key=lambda one: one.at)


def _decision(sign_off: SignOff) -> Said:
    return Said(
        "decision",
        sign_off.printed_name,
        sign_off.signed_at,
        sign_off.reason,
        status=DECIDED[Decision(sign_off.decision)],
        as_what=f"as {sign_off.role}, meaning {sign_off.meaning}",
    )
