"""What the page of a review shows, gathered in one place for its views."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from django.http import HttpRequest
from django.urls import reverse

from countersign.permissions import Permission
from countersign.web.guards import actor_of_request
from governance.reviews.anchors import Anchor, file_anchor, find_anchor, groups, measures, sections
from governance.reviews.conversation import story_of, threads_of
from governance.reviews.differences import differences
from governance.reviews.figures import STATES, shown, state_of, tally_of
from governance.reviews.forms import ReasonForm, RemarkForm, ReplyForm, SignForm, ThreadForm
from governance.reviews.models import Review, ReviewState
from governance.reviews.news import News, seen_now
from governance.reviews.queries import Standing, contributor_people, standing_of
from governance.reviews.renewal import Renewal, renewal_of
from governance.reviews.seal import Offer, lines_of, offer_to, sign_form
from registry.versions.queries import version_at_alias

TEMPLATE = "governance/reviews/review.html"
FILES_SHOWN = 50
GROUPS_SHOWN = 30


def new_token() -> str:
    """The hidden token of one form: what is sent twice with it is done once."""
    return str(uuid4())


@dataclass(frozen=True, slots=True)
class Part:
    """One part of what is signed. In a renewal `was` is what was signed before of a part that moved, and `same` says
    that it did not move."""

    name: str
    label: str
    digest: str
    url: str
    note: str
    was: str = ""
    same: bool = False


def review_context(
    request: HttpRequest,
    review: Review,
    *,
    standing: Standing | None = None,
    offer: Offer | None = None,
    form: SignForm | None = None,
    remark_form: RemarkForm | None = None,
    thread_form: ThreadForm | None = None,
    reply_form: ReplyForm | None = None,
    replying: int | None = None,
    reason_form: ReasonForm | None = None,
    news: News | None = None,
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
    threads = threads_of(standing)
    renewal = renewal_of(standing)
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
        "said": story_of(actor, review),
        "threads": threads,
        "unresolved": sum(one.open for one in threads),
        "seen": seen_now(review, standing.subject.digest),
        "news": news,
        "once": new_token,
        "renewal": renewal,
        "offer": offer,
        "form": form or (sign_form(standing, offer) if offer.open else None),
        "remark_form": remark_form or RemarkForm(),
        **_thread_forms(request, standing, thread_form, reply_form, replying),
        "reason_form": reason_form or ReasonForm(),
        "moved": moved,
        "kept": kept,
        "parts": _parts(standing, renewal),
        "things": _things(standing),
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


def _thread_forms(
    request: HttpRequest,
    standing: Standing,
    thread_form: ThreadForm | None,
    reply_form: ReplyForm | None,
    replying: int | None,
) -> dict[str, Any]:
    """The form to begin a thread where `?anchor=` names a thing of the subject, and to reply where `?reply=` names a
    thread; or either as it was sent."""
    asked = thread_form.data.get("anchor", "") if thread_form else request.GET.get("anchor", "")
    anchor = find_anchor(standing, asked) if asked else None
    if thread_form is None and anchor is not None:
        thread_form = ThreadForm(initial={"anchor": anchor.key})
    if replying is None and (wanted := request.GET.get("reply", "")).isdecimal() and len(wanted) < 10:
        replying = int(wanted)
    return {
        "anchor": anchor,
        "anchor_unknown": asked if asked and anchor is None else "",
        "thread_form": thread_form,
        "replying": replying,
        "reply_form": reply_form or ReplyForm(),
    }


def _things(standing: Standing) -> dict[str, Any]:
    """What one can comment on beside requirements: measures, groups, sections of the card, files."""
    files = standing.review.version.files.order_by("path")
    found = list(groups(standing))
    listed: list[Anchor] = [file_anchor(file) for file in files[:FILES_SHOWN]]
    return {
        "measures": list(measures(standing)),
        "groups": found[:GROUPS_SHOWN],
        "group_count": len(found),
        "sections": list(sections(standing)),
        "files": listed,
        "file_count": len(listed) if len(listed) < FILES_SHOWN else files.count(),
    }


def _parts(standing: Standing, renewal: Renewal | None) -> list[Part]:
    """What one signs, part by part; in a renewal those that moved first, with what was signed before."""
    parts = [Part(*one) for one in _named_parts(standing)]
    if renewal is None:
        return parts
    moved = {one.name: one for one in renewal.moved}
    return sorted(
        (
            replace(one, was=moved[one.name].was if one.name in moved else "", same=one.name not in moved)
            for one in parts
        ),
        key=lambda one: one.same,
    )


def _named_parts(standing: Standing) -> list[tuple[str, str, str, str, str]]:
    """Name, label, digest, link, and a remark where it is missing."""
    version, revision = standing.review.version, standing.review.policy_revision
    where = [version.model.name, version.number]
    evidence, card = standing.evidence, standing.card
    parts = standing.subject.parts
    return [
        (
            "artifact",
            f"Version {version.number}",
            version.digest,
            reverse("registry:version", args=where),
            "",
        ),
        (
            "evidence",
            f"Evidence, evaluation {evidence.number}" if evidence else "Evidence",
            evidence.results_digest if evidence else "",
            reverse("governance:evaluation", args=[*where, evidence.number]) if evidence else "",
            "" if evidence else "nobody evaluated the version",
        ),
        (
            "card",
            f"Card, revision {card.number}" if card else "Card",
            card.digest if card else "",
            reverse("governance:card", args=where),
            "" if card else "nobody wrote it",
        ),
        ("lineage", "Lineage", parts["lineage"], reverse("registry:version-lineage", args=where), ""),
        ("contributors", "Contributors", parts["contributors"], "", ""),
        (
            "policy",
            f"Policy, revision {revision.number}, {standing.policy.risk_tier} tier",
            standing.policy.digest,
            reverse("governance:policy", args=[revision.policy_id]),
            "",
        ),
    ]
