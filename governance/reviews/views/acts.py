"""What people do on the page of a review beside signing: say, resolve, answer, withdraw, revoke."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from countersign.actors import Actor
from countersign.api.idempotency import answered_before, done_once
from countersign.errors import Conflict, Invalid
from countersign.permissions import Permission
from countersign.web.fields import PageForm
from countersign.web.guards import actor_of_request, page
from countersign.web.render import redirect_after_post, render_page
from governance.reviews.access import get_review, get_thread
from governance.reviews.actions import (
    add_remark,
    answer_changes,
    open_thread,
    reopen_thread,
    resolve_thread,
    revoke_approval,
    withdraw_review,
)
from governance.reviews.forms import ReasonForm, RemarkForm, ReplyForm, ThreadForm, take_errors
from governance.reviews.models import Review
from governance.reviews.page import TEMPLATE, review_context
from governance.reviews.views.keeping import keeps_words, token_of, words_of

BOTH = ["GET", "HEAD", "POST"]


@keeps_words
@page(Permission.COMMENT)
@require_http_methods(BOTH)
def remark(request: HttpRequest, number: int) -> HttpResponseBase:
    """Say something about the whole."""
    form = RemarkForm(request.POST)

    def act(review: Review, actor: Actor) -> str:
        add_remark(review=review, body=form.cleaned_data["body"], actor=actor)
        return "#conversation"

    return _done(request, number, Permission.COMMENT, {"remark_form": form}, act)


@keeps_words
@page(Permission.COMMENT)
@require_http_methods(BOTH)
def threads(request: HttpRequest, number: int) -> HttpResponseBase:
    """Begin a thread on one thing of the subject."""
    form = ThreadForm(request.POST)

    def act(review: Review, actor: Actor) -> str:
        given = form.cleaned_data
        thread = open_thread(review=review, anchor=given["anchor"], body=given["body"], actor=actor)
        return f"#thread-{thread.number}"

    return _done(request, number, Permission.COMMENT, {"thread_form": form}, act)


@keeps_words
@page(Permission.COMMENT)
@require_http_methods(BOTH)
def reply(request: HttpRequest, number: int, thread: int) -> HttpResponseBase:
    """Say something in a thread."""
    form = ReplyForm(request.POST)

    def act(review: Review, actor: Actor) -> str:
        found = get_thread(actor, review.number, thread, Permission.COMMENT)
        add_remark(review=review, thread=found, body=form.cleaned_data["body"], actor=actor)
        return f"#thread-{thread}"

    return _done(request, number, Permission.COMMENT, {"reply_form": form, "replying": thread}, act)


@keeps_words
@page(Permission.COMMENT)
@require_http_methods(BOTH)
def resolve(request: HttpRequest, number: int, thread: int) -> HttpResponseBase:
    """Say that a thread is settled."""

    def act(review: Review, actor: Actor) -> str:
        resolve_thread(thread=get_thread(actor, review.number, thread, Permission.COMMENT), actor=actor)
        return f"#thread-{thread}"

    return _done(request, number, Permission.COMMENT, {}, act)


@keeps_words
@page(Permission.COMMENT)
@require_http_methods(BOTH)
def reopen(request: HttpRequest, number: int, thread: int) -> HttpResponseBase:
    """Say that a thread is not settled after all."""

    def act(review: Review, actor: Actor) -> str:
        reopen_thread(thread=get_thread(actor, review.number, thread, Permission.COMMENT), actor=actor)
        return f"#thread-{thread}"

    return _done(request, number, Permission.COMMENT, {}, act)


@keeps_words
@page(Permission.REQUEST_REVIEW)
@require_http_methods(BOTH)
def withdraw(request: HttpRequest, number: int) -> HttpResponseBase:
    """Take a live review back."""
    form = ReasonForm(request.POST)

    def act(review: Review, actor: Actor) -> str:
        withdraw_review(review=review, reason=form.cleaned_data["reason"], actor=actor)
        return ""

    return _done(request, number, Permission.REQUEST_REVIEW, {"reason_form": form}, act)


@keeps_words
@page(Permission.REVOKE_APPROVAL)
@require_http_methods(BOTH)
def revoke(request: HttpRequest, number: int) -> HttpResponseBase:
    """Take an approval away."""
    form = ReasonForm(request.POST)

    def act(review: Review, actor: Actor) -> str:
        revoke_approval(review=review, reason=form.cleaned_data["reason"], actor=actor)
        return ""

    return _done(request, number, Permission.REVOKE_APPROVAL, {"reason_form": form}, act)


@keeps_words
@page(Permission.REQUEST_REVIEW)
@require_http_methods(BOTH)
def answer(request: HttpRequest, number: int) -> HttpResponseBase:
    """Say that the requested changes are made."""

    def act(review: Review, actor: Actor) -> str:
        answer_changes(review=review, actor=actor)
        return ""

    return _done(request, number, Permission.REQUEST_REVIEW, {}, act)


def _done(
    request: HttpRequest,
    number: int,
    permission: Permission,
    typed: dict[str, Any],
    act: Callable[[Review, Actor], str],
) -> HttpResponseBase:
    """Do one thing to a review, once, and go back to its page at the place `act` names; what is wrong with the form
    or moved on is said there. `typed` are the forms as they were sent, by their names in the template."""
    actor = actor_of_request(request)
    here = reverse("governance:review", args=[number])
    if request.method != "POST":
        return redirect_after_post(request, here)
    if before := answered_before(actor, token_of(request)):
        return redirect_after_post(request, before)
    review = get_review(actor, number, permission)
    form = next((one for one in typed.values() if isinstance(one, PageForm)), None)
    if form is not None and not form.is_valid():
        return render_page(request, TEMPLATE, review_context(request, review, **typed), status=422)
    try:
        address = done_once(actor, token_of(request), lambda: f"{here}{act(review, actor)}")
    except Invalid as error:
        if form is None:
            raise
        take_errors(form, error)
        return render_page(request, TEMPLATE, review_context(request, review, **typed), status=422)
    except Conflict as error:
        context = review_context(
            request, get_review(actor, number), moved=error.message, kept=words_of(request)
        )
        return render_page(request, TEMPLATE, context, status=409)
    return redirect_after_post(request, address)
