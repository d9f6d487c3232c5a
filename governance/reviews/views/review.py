"""One review: its page, what is new on it, and signing."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from countersign import refusals
from countersign.accounts.reauthentication import confirm_password
from countersign.actors import Actor
from countersign.api.idempotency import answered_before, done_once
from countersign.errors import Conflict, Invalid, Refused
from countersign.permissions import Permission
from countersign.verdicts import Verdict
from countersign.web.guards import actor_of_request, page
from countersign.web.render import asks_for_part, redirect_after_post, render_page
from governance.reviews.access import get_review
from governance.reviews.actions import sign_off
from governance.reviews.forms import SignForm, take_errors
from governance.reviews.models import Review
from governance.reviews.news import LIVE_PART, news_of
from governance.reviews.page import TEMPLATE, review_context
from governance.reviews.queries import Standing, contributor_people, ended_sentence, standing_of
from governance.reviews.seal import Offer, offer_to, sign_form
from governance.reviews.views.keeping import keeps_words, token_of

PASSWORD_REFUSALS = ("reauthentication_failed", "password_is_temporary", "locked_out", "proof_too_old")


@page(Permission.SEE)
@require_safe
def review_page(request: HttpRequest, number: int) -> HttpResponse:
    """One review: what changed, how its requirements stand, who signed, what was said, and the seal. An open page asks
    for its part `review-live` again and again; `?seen=` says what it shows, and 204 that nothing is new."""
    review = get_review(actor_of_request(request), number)
    if asks_for_part(request) == LIVE_PART:
        news = news_of(review, request.GET.get("seen", ""))
        if news is None:
            return HttpResponse(status=204)
        return render_page(request, TEMPLATE, review_context(request, review, news=news))
    return render_page(request, TEMPLATE, review_context(request, review))


@keeps_words
@sensitive_post_parameters("password")
@never_cache
@page(Permission.SEE)
@require_http_methods(["GET", "HEAD", "POST"])
def sign(request: HttpRequest, number: int) -> HttpResponseBase:
    """Sign a decision. What cannot be signed is said in place, and the typed reason is kept."""
    actor = actor_of_request(request)
    here = reverse("governance:review", args=[number])
    review = get_review(actor, number)
    if request.method != "POST":
        return redirect_after_post(request, here)
    if before := answered_before(actor, token_of(request)):
        return redirect_after_post(request, before)
    standing = standing_of(review)
    offer = offer_to(actor, standing, contributor_people(review.version))
    if review.live and not offer.open:
        raise Refused(Verdict.refuse(*offer.reasons))
    form = sign_form(standing, offer, request.POST)
    valid = form.is_valid()
    if review.live and request.POST.get("seen_digest", "") != standing.subject.digest:
        return _moved(request, review, form, standing.moved_sentence(form.seen()))
    if not valid and review.live:
        return _again(request, review, standing, offer, form, 422)
    try:
        _sign_once(request, actor, review, form, here)
    except Conflict as error:
        return _moved(request, review, form, error.message)
    except Invalid as error:
        take_errors(form, error)
        return _again(request, review, standing, offer, form, 422)
    except Refused as error:
        refusals.record(actor, error.verdict, attempted=f"sign review {number}")
        if error.code not in PASSWORD_REFUSALS:
            for reason in error.verdict.reasons:
                form.add_error(None, reason.message)
            return _again(request, review, standing, offer, form, error.status)
        form.add_error("password", error.message)
        return _again(
            request, review, standing, offer, form, 422 if error.status == Refused.status else error.status
        )
    return redirect_after_post(request, here)


def _again(
    request: HttpRequest, review: Review, standing: Standing, offer: Offer, form: SignForm, status: int
) -> HttpResponse:
    """The page with the form as it was typed and what is wrong with it."""
    context = review_context(request, review, standing=standing, offer=offer, form=form)
    return render_page(request, TEMPLATE, context, status=status)


def _sign_once(request: HttpRequest, actor: Actor, review: Review, form: SignForm, here: str) -> None:
    """Sign, however often the form was sent. Raises what `sign_off` and `confirm_password` raise."""
    if not review.live:
        raise Conflict(ended_sentence(review), code="review_moved_on")
    given = form.cleaned_data
    proven = confirm_password(
        actor, given["password"]
    )  # outside of what may be undone: failed tries are counted

    def act() -> str:
        signature = sign_off(
            review=review,
            requirement=given["requirement"],
            decision=given["decision"],
            seen_digest=given["seen_digest"],
            seen_parts=form.seen(),
            reason=given["reason"],
            reauthenticated_at=proven,
            method="password",
            actor=actor,
        )
        review.refresh_from_db(fields=["state"])
        messages.success(
            request,
            f"Your signature is recorded, meaning {signature.meaning}. "
            f"Review {review.number} is {review.get_state_display().lower()}.",
        )
        return here

    done_once(actor, token_of(request), act)


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
