"""Pages of reviews: the list, one review with its seal, and asking for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from countersign import refusals
from countersign.accounts.reauthentication import confirm_password
from countersign.actors import Actor
from countersign.errors import Conflict, Invalid, Refused
from countersign.permissions import Permission
from countersign.web.fields import PageForm
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.render import redirect_after_post, render_page
from governance.environments.models import Environment
from governance.environments.queries import environment_of, environments_in_order
from governance.policies.document import PolicyDocument
from governance.policies.models import PolicyRevision
from governance.policies.queries import policy_in_force
from governance.policies.rules import document_of
from governance.profiles.queries import profile_of
from governance.reviews.access import get_review
from governance.reviews.actions import (
    add_remark,
    answer_changes,
    request_review,
    revoke_approval,
    sign_off,
    withdraw_review,
)
from governance.reviews.figures import state_of, tally_of
from governance.reviews.forms import AskForm, ReasonForm, RemarkForm, SignForm
from governance.reviews.models import LIVE, Review, ReviewState, SignOff
from governance.reviews.page import TEMPLATE, review_context
from governance.reviews.queries import contributor_people, reviews_visible_to, standing_of, standings_of
from governance.reviews.seal import offer_to, sign_form
from registry.versions.access import get_version
from registry.versions.models import ModelVersion

PASSWORD_REFUSALS = ("reauthentication_failed", "password_is_temporary", "locked_out", "proof_too_old")
CHIPS = (
    ("", "All", tuple(ReviewState)),
    ("open", "Open", (ReviewState.OPEN,)),
    ("changes", "Changes requested", (ReviewState.CHANGES_REQUESTED,)),
    ("approved", "Approved", (ReviewState.APPROVED,)),
    (
        "ended",
        "Ended",
        tuple(state for state in ReviewState if state not in (*LIVE, ReviewState.APPROVED)),
    ),
)


@page(Permission.SEE)
@require_safe
def review_list(request: HttpRequest) -> HttpResponse:
    """Reviews of models the actor may see, newest first; `?state=`, `?model=` and `?environment=` narrow it."""
    found = reviews_visible_to(actor_of_request(request))
    chosen = request.GET.get("state", "")
    states = {value: states for value, _, states in CHIPS}.get(chosen, tuple(ReviewState))
    found = found.filter(state__in=states)
    model, environment = request.GET.get("model", "").strip(), request.GET.get("environment", "")
    if model:
        found = found.filter(version__model__name__icontains=model)
    if environment:
        found = found.filter(environment__slug=environment)
    reviews, window = window_of(request, found, order_by=("-number",))
    rows = [
        {
            "review": standing.review,
            "standing": standing,
            "state": state_of(standing),
            "tally": tally_of(standing),
        }
        for standing in standings_of(reviews, results=False)
    ]
    context = {
        "rows": rows,
        "window": window,
        "chips": [(value, label, _with(request, state=value)) for value, label, _ in CHIPS],
        "chosen": chosen,
        "model": model,
        "environment": environment,
        "environments": environments_in_order(),
        "narrowed": bool(chosen or model or environment),
    }
    return render_page(request, "governance/reviews/reviews.html", context)


def _with(request: HttpRequest, **changes: str) -> str:
    """The query of this list with another filter, from its beginning."""
    query = request.GET.copy()
    query.pop("at", None)
    for name, value in changes.items():
        query[name] = value
        if not value:
            query.pop(name)
    return f"?{query.urlencode()}"


@page(Permission.SEE)
@require_safe
def review_page(request: HttpRequest, number: int) -> HttpResponse:
    """One review: what changed, how its requirements stand, who signed, what was said, and the seal."""
    review = get_review(actor_of_request(request), number)
    return render_page(request, TEMPLATE, review_context(request, review))


@sensitive_post_parameters("password")
@never_cache
@page(Permission.SEE)
@require_http_methods(["GET", "HEAD", "POST"])
def sign(request: HttpRequest, number: int) -> HttpResponseBase:
    """Sign a decision. What cannot be signed is said in place, and the typed reason is kept."""
    actor = actor_of_request(request)
    review = get_review(actor, number)
    if request.method != "POST":
        return redirect_after_post(request, "governance:review", number)
    standing = standing_of(review)
    offer = offer_to(actor, standing, contributor_people(review.version))
    form = sign_form(standing, offer, request.POST)
    valid = form.is_valid()
    if review.live and request.POST.get("seen_digest", "") != standing.subject.digest:
        return _moved(request, review, form, standing.moved_sentence(form.seen()))
    if not valid:
        return render_page(
            request,
            TEMPLATE,
            review_context(request, review, standing=standing, offer=offer, form=form),
            status=422,
        )
    try:
        signature = _signed(actor, review, form)
    except Conflict as error:
        return _moved(request, review, form, error.message)
    except Invalid as error:
        take_errors(form, error)
        return render_page(
            request,
            TEMPLATE,
            review_context(request, review, standing=standing, offer=offer, form=form),
            status=422,
        )
    except Refused as error:
        refusals.record(actor, error.verdict, attempted=f"sign review {number}")
        if error.code in PASSWORD_REFUSALS:
            form.add_error("password", error.message)
            status = 422 if error.status == Refused.status else error.status
        else:
            for reason in error.verdict.reasons:
                form.add_error(None, reason.message)
            status = error.status
        return render_page(
            request,
            TEMPLATE,
            review_context(request, review, standing=standing, offer=offer, form=form),
            status=status,
        )
    review.refresh_from_db(fields=["state"])
    messages.success(
        request,
        f"Your signature is recorded, meaning {signature.meaning}. "
        f"Review {number} is {review.get_state_display().lower()}.",
    )
    return redirect_after_post(request, "governance:review", number)


def _signed(actor: Actor, review: Review, form: SignForm) -> SignOff:
    given = form.cleaned_data
    return sign_off(
        review=review,
        requirement=given["requirement"],
        decision=given["decision"],
        seen_digest=given["seen_digest"],
        seen_parts=form.seen(),
        reason=given["reason"],
        reauthenticated_at=confirm_password(actor, given["password"]),
        method="password",
        actor=actor,
    )


def _moved(request: HttpRequest, review: Review, form: SignForm, message: str) -> HttpResponse:
    """409: the page as it is now, with what was typed."""
    actor = actor_of_request(request)
    review = get_review(actor, review.number)
    standing = standing_of(review)
    offer = offer_to(actor, standing, contributor_people(review.version))
    kept = {name: form.data.get(name, "") for name in ("decision", "requirement", "reason")}
    fresh = sign_form(standing, offer, kept=kept) if offer.open else None
    context = review_context(
        request,
        review,
        standing=standing,
        offer=offer,
        form=fresh,
        moved=message,
        kept="" if fresh else kept["reason"],
    )
    return render_page(request, TEMPLATE, context, status=409)


@page(Permission.COMMENT)
@require_http_methods(["GET", "HEAD", "POST"])
def remark(request: HttpRequest, number: int) -> HttpResponseBase:
    """Say something in a review."""
    form = RemarkForm(request.POST)
    return _done(
        request,
        number,
        Permission.COMMENT,
        "remark_form",
        form,
        lambda review, actor: add_remark(
            review=review, body=form.cleaned_data["body"], anchor="", actor=actor
        ),
        "#conversation",
    )


@page(Permission.REQUEST_REVIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: HttpRequest, number: int) -> HttpResponseBase:
    """Take a live review back."""
    form = ReasonForm(request.POST)
    return _done(
        request,
        number,
        Permission.REQUEST_REVIEW,
        "reason_form",
        form,
        lambda review, actor: withdraw_review(review=review, reason=form.cleaned_data["reason"], actor=actor),
    )


@page(Permission.REVOKE_APPROVAL)
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: HttpRequest, number: int) -> HttpResponseBase:
    """Take an approval away."""
    form = ReasonForm(request.POST)
    return _done(
        request,
        number,
        Permission.REVOKE_APPROVAL,
        "reason_form",
        form,
        lambda review, actor: revoke_approval(review=review, reason=form.cleaned_data["reason"], actor=actor),
    )


@page(Permission.REQUEST_REVIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, number: int) -> HttpResponseBase:
    """Say that the requested changes are made."""
    return _done(
        request,
        number,
        Permission.REQUEST_REVIEW,
        "remark_form",
        None,
        lambda review, actor: answer_changes(review=review, actor=actor),
    )


def _done(
    request: HttpRequest,
    number: int,
    permission: Permission,
    name: str,
    form: PageForm | None,
    act: Callable[[Review, Actor], object],
    anchor: str = "",
) -> HttpResponseBase:
    """Do one thing to a review and go back to its page; what is wrong with the form or moved on is said there."""
    actor = actor_of_request(request)
    here = redirect_after_post(request, f"{reverse('governance:review', args=[number])}{anchor}")
    if request.method != "POST":
        return here
    review = get_review(actor, number, permission)
    typed: dict[str, Any] = {name: form}
    if form is not None and not form.is_valid():
        return render_page(request, TEMPLATE, review_context(request, review, **typed), status=422)
    try:
        act(review, actor)
    except Invalid as error:
        if form is None:
            raise
        take_errors(form, error)
        return render_page(request, TEMPLATE, review_context(request, review, **typed), status=422)
    except Conflict as error:
        kept = next(iter(form.cleaned_data.values()), "") if form is not None else ""
        context = review_context(request, get_review(actor, number), moved=error.message, kept=kept)
        return render_page(request, TEMPLATE, context, status=409)
    return here


def take_errors(form: PageForm, error: Invalid) -> None:
    """The sentences of an action's error beside the fields they name."""
    for name, sentences in error.fields.items():
        for sentence in sentences:
            form.add_error(name if name in form.fields else None, sentence)


@page(Permission.REQUEST_REVIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest, name: str, number: int) -> HttpResponseBase:
    """Ask for a review of a version; `?environment=` chooses one."""
    actor = actor_of_request(request)
    version = get_version(actor, name, number, Permission.REQUEST_REVIEW)
    environments = list(environments_in_order())
    form = ask_form(version, environments, request)
    status, moved = 200, ""
    if request.method == "POST":
        status = 422
        if form.is_valid():
            given = form.cleaned_data
            try:
                review = request_review(
                    version=version,
                    environment=environment_of(given["environment"]),
                    reason=given["reason"],
                    due_on=given["due_on"],
                    actor=actor,
                )
            except Invalid as error:
                take_errors(form, error)
            except Conflict as error:
                status, moved = error.status, error.message
            except Refused as error:
                refusals.record(actor, error.verdict, attempted=f"ask for a review of {version}")
                status = error.status
                for reason in error.verdict.reasons:
                    form.add_error(None, reason.message)
            else:
                return redirect_after_post(request, "governance:review", review.number)
    context = {
        "version": version,
        "model": version.model,
        "form": form,
        "moved": moved,
        "policies": _policies(version, environments),
    }
    return render_page(request, "governance/reviews/ask.html", context, status=status)


def ask_form(version: ModelVersion, environments: list[Environment], request: HttpRequest) -> AskForm:
    """The form to ask for a review: environments without a policy or with an open review are refused in it."""
    sent: Any = request.POST if request.method == "POST" else None
    refused = _why_not(version, environments)
    wanted = request.GET.get("environment", "")
    able = [one.slug for one in environments if one.slug not in refused]
    return AskForm(
        sent,
        environments=environments,
        refused=refused,
        initial={"environment": wanted if wanted in able else next(iter(reversed(able)), "")},
    )


def _policies(
    version: ModelVersion, environments: list[Environment]
) -> list[tuple[Environment, PolicyRevision, PolicyDocument]]:
    """The policies in force for the model's tier, by environment."""
    profile = profile_of(version.model)
    revisions = [(one, policy_in_force(profile.risk_tier, one)) for one in environments] if profile else []
    return [(one, revision, document_of(revision)) for one, revision in revisions if revision]


def _why_not(version: ModelVersion, environments: list[Environment]) -> dict[str, str]:
    """Environments no review can be asked for now, with the reason."""
    profile = profile_of(version.model)
    if profile is None:
        return {
            one.slug: "The model has no risk tier yet. Its owner sets one on the model's page."
            for one in environments
        }
    live = {
        review.environment_id: review.number
        for review in Review.objects.filter(version=version, state__in=LIVE)
    }
    refused = {}
    for one in environments:
        if one.id in live:
            refused[one.slug] = f"Review {live[one.id]} is open already."
        elif policy_in_force(profile.risk_tier, one) is None:
            refused[one.slug] = f"No policy is in force for {profile.risk_tier} tier there."
    return refused
