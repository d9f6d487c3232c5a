"""Nothing typed is lost: what a form of a review page needs so that no answer swallows a person's words."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from countersign import clock, refusals
from countersign.accounts.models import Membership
from countersign.actors import Actor
from countersign.errors import NotFound, Refused
from countersign.permissions import Permission
from countersign.verdicts import Reason, Verdict
from countersign.web.formats import instant
from countersign.web.guards import actor_or_none
from countersign.web.render import render_page
from governance.reviews.access import get_review
from governance.reviews.models import Review
from governance.reviews.page import TEMPLATE, review_context

Parameters = ParamSpec("Parameters")
View = Callable[Concatenate[HttpRequest, Parameters], HttpResponseBase]
WORDS = ("reason", "body")
TOKEN = re.compile(r"[0-9a-f-]{36}")


def token_of(request: HttpRequest) -> str:
    """The token of the form that was sent; empty for what is none of ours."""
    token = request.POST.get("once", "")
    return token if TOKEN.fullmatch(token) else ""


def words_of(request: HttpRequest) -> str:
    """What the person typed."""
    return next((request.POST[name] for name in WORDS if request.POST.get(name)), "")


def keeps_words(view: View[Parameters]) -> View[Parameters]:
    """Decorator of a view behind `@page`, outermost: a person who may not do this (any more) is refused in place
    with the reason and their words, and the attempt is written down; also when their role ended while the page was
    open, so that they may not even see the review any longer."""

    @wraps(view)
    def kept(
        request: HttpRequest, /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except (Refused, NotFound) as error:
            actor, number = actor_or_none(request), kwargs.get("number")
            if not isinstance(number, int):
                raise
            if request.method != "POST" or actor is None:
                raise
            verdict = _with_ended_roles(error, actor, number)
            if verdict is None:
                raise
            refusals.record(actor, verdict, attempted=f"POST {request.path}")
            return _refused_in_place(request, actor, number, verdict)

    return kept


def _with_ended_roles(error: Refused | NotFound, actor: Actor, number: int) -> Verdict | None:
    """Why the act is refused: the roles of the actor in the team of the review that ended. None where they never
    had one and the review is not theirs to know of."""
    team = Review.objects.filter(number=number).values_list("version__model__team", flat=True).first()
    ended = Membership.objects.filter(user=actor.person, team=team, ends_at__lte=clock.now())
    roles = ended.select_related("team").order_by("-ends_at")[:2] if team and actor.person else []
    reasons = [
        Reason(
            "role_no_longer_held",
            f"Your role {one.role} in {one.team.name} ended on {instant(one.ends_at)} UTC."
            if one.team and one.ends_at
            else "Your role ended.",
        )
        for one in roles
    ]
    if isinstance(error, Refused):
        return Verdict.refuse(*reasons, *error.verdict.reasons)
    return Verdict.refuse(*reasons) if reasons else None


def _refused_in_place(request: HttpRequest, actor: Actor, number: int, verdict: Verdict) -> HttpResponse:
    words = words_of(request)
    try:
        review = get_review(actor, number, Permission.SEE)
    except (NotFound, Refused):
        context: dict[str, Any] = {"shown_number": str(number), "verdict": verdict, "kept": words}
        return render_page(request, "governance/reviews/no_longer_yours.html", context, status=403)
    context = review_context(request, review, moved=verdict.sentence(), kept=words)
    return render_page(request, TEMPLATE, context, status=403)
