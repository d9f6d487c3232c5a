"""One policy: its words beside its lines, what a draft changes, and how the models it governs stand under it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from countersign.errors import Conflict, CountersignError, Invalid, NotFound
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.render import render_page
from governance.policies.access import get_policy, get_revision
from governance.policies.dry_run import MODELS_JUDGED, dry_run
from governance.policies.forms import DiscardForm
from governance.policies.models import Policy, PolicyRevision
from governance.policies.people import signers_for
from governance.policies.queries import PolicyStanding, may_put_in_force, revisions_of, standing_of
from governance.policies.reading import CodeLine, ReadPolicy, changed_lines, read_policy
from governance.policies.rules import document_of

REVISIONS_SHOWN = 30


@page(Permission.SEE)
@require_safe
def policy(request: HttpRequest, policy: UUID) -> HttpResponse:
    """One policy; `?revision=` reads another revision than the one in force (or, with none, the newest draft), and
    `&against=` any earlier one beside it. A draft is read against what is in force."""
    found = get_policy(actor_of_request(request), policy)
    return draw_policy(request, found, request.GET.get("revision"), against=request.GET.get("against"))


@page(Permission.SEE)
@require_safe
def revision_text(request: HttpRequest, policy: UUID, number: int) -> HttpResponse:
    """The YAML of a revision, byte for byte."""
    revision = get_revision(actor_of_request(request), policy, number)
    name = f"{revision.policy.risk_tier}-{revision.policy.environment.slug}-{revision.number}.yaml"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(revision.text, content_type="text/yaml; charset=utf-8", headers=headers)


def draw_policy(
    request: HttpRequest,
    found: Policy,
    asked: str | None,
    *,
    against: str | None = None,
    refused: CountersignError | None = None,
    form: DiscardForm | None = None,
) -> HttpResponse:
    """The page of a policy, also as the answer to an act on it that was refused in place. Raises NotFound."""
    actor = actor_of_request(request)
    standing = standing_of(found)
    shown = revision_asked_for(found, standing, asked)
    is_draft = shown is not None and shown in standing.drafts
    other = (
        revision_asked_for(found, standing, against) if against else standing.in_force if is_draft else None
    )
    run = dry_run(actor=actor, policy=found, in_force=standing.in_force, draft=shown if is_draft else None)
    context = {
        "policy": found,
        "standing": standing,
        "shown": shown,
        "is_draft": is_draft,
        "against": other,
        "reading": read_policy(shown, against=other) if shown else None,
        "lines": changed_lines(other.text, shown.text) if shown and other else [],
        "newer": _newer(standing) if shown and shown == standing.in_force and other is None else None,
        "revisions": _with_the_one_before(list(revisions_of(found)[: REVISIONS_SHOWN + 1])),
        "run": run,
        "lacks": signers_for(document_of(shown)).lacks
        if shown and (is_draft or shown == standing.in_force)
        else [],
        "changing": [run.newly_refused, run.newly_allowed],
        "models_judged": MODELS_JUDGED,
        "may": actor.may(Permission.WRITE_POLICY),
        "may_put": may_put_in_force(shown, actor) if is_draft and shown else None,
        "lost": refused if isinstance(refused, Conflict) else None,
        "invalid": refused if isinstance(refused, Invalid) and form is None else None,
        "form": form or DiscardForm(),
        "nothing_saved": refused is not None,
    }
    return render_page(
        request, "governance/policies/policy.html", context, status=refused.status if refused else 200
    )


def _newer(standing: PolicyStanding) -> tuple[ReadPolicy, list[CodeLine | None]] | None:
    """What this release ships and nobody decided on yet, read against what is in force, with all changed lines."""
    if standing.newer is None or standing.in_force is None:
        return None
    before, text = standing.in_force, standing.newer.text
    unsaved = PolicyRevision(policy=standing.policy, text=text, digest=standing.newer.document.digest)
    return read_policy(unsaved, against=before), changed_lines(before.text, text)


def revision_asked_for(found: Policy, standing: PolicyStanding, asked: str | None) -> PolicyRevision | None:
    """The revision a page names, else the one in force or the newest draft. Raises NotFound."""
    if not asked:
        return standing.in_force or next(iter(standing.drafts), None)
    known = asked.isdecimal() and len(asked) < 10
    revision = revisions_of(found).filter(number=int(asked)).first() if known else None
    if revision is None:
        raise NotFound(f"This policy has no revision {asked[:20]}.")
    # The standing's own objects, so that what is shown can be found among its drafts.
    return next((one for one in standing.drafts if one.pk == revision.pk), revision)


def _with_the_one_before(
    revisions: list[PolicyRevision],
) -> list[tuple[PolicyRevision, PolicyRevision | None]]:
    """Each with the revision it followed, for a link to their difference."""
    pairs = [
        (one, next((other for other in revisions[place + 1 :] if other.in_force_from is not None), None))
        for place, one in enumerate(revisions)
    ]
    return pairs[:REVISIONS_SHOWN]
