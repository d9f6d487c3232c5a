"""The list of reviews."""

from __future__ import annotations

from django.db.models import Case, CharField, F, Q, QuerySet, Value, When
from django.db.models.functions import Cast, Coalesce
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from countersign.actors import Actor
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of
from countersign.web.render import render_page
from governance.environments.queries import environments_in_order
from governance.reviews.figures import state_of, tally_of
from governance.reviews.models import LIVE, Review, ReviewState, SignOff
from governance.reviews.queries import asked_for_by, reviews_visible_to, standings_of

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
SORTS = {"due": ("turn", "-number"), "newest": ("-number",)}
# Days sort as the text they are written as; what waits without a day comes after those with one, what ended last.
NO_DAY, ENDED = "A", "B"


@page(Permission.SEE)
@require_safe
def review_list(request: HttpRequest) -> HttpResponse:
    """Reviews of models the actor may see. What waits comes first, by the day it is due, or the newest with
    `?sort=newest`; `?state=`, `?mine=`, `?model=` and `?environment=` narrow it."""
    actor = actor_of_request(request)
    chosen = request.GET.get("state", "")
    states = {value: states for value, _, states in CHIPS}.get(chosen, tuple(ReviewState))
    found = reviews_visible_to(actor).filter(state__in=states)
    model, environment = request.GET.get("model", "").strip(), request.GET.get("environment", "")
    mine = request.GET.get("mine") == "1"
    if model:
        found = found.filter(version__model__name__icontains=model)
    if environment:
        found = found.filter(environment__slug=environment)
    if mine:
        found = _of(actor, found)
    sort = request.GET.get("sort", "due")
    reviews, window = window_of(request, by_turn(found), order_by=SORTS.get(sort, SORTS["due"]))
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
        "mine": mine,
        "mine_url": _with(request, mine="" if mine else "1"),
        "newest": sort == "newest",
        "sort_url": _with(request, sort="" if sort == "newest" else "newest"),
        "model": model,
        "environment": environment,
        "environments": environments_in_order(),
        "narrowed": bool(chosen or model or environment or mine),
    }
    return render_page(request, "governance/reviews/reviews.html", context)


def by_turn(reviews: QuerySet[Review]) -> QuerySet[Review]:
    """The reviews with `turn`, a text by which those that wait come first, by due day."""
    due = Coalesce(Cast(F("due_on"), CharField()), Value(NO_DAY))
    return reviews.annotate(turn=Case(When(state__in=LIVE, then=due), default=Value(ENDED)))


def _of(actor: Actor, reviews: QuerySet[Review]) -> QuerySet[Review]:
    """Reviews the actor asked for, answers for or signed in."""
    signed = SignOff.objects.filter(person=actor.person).values("review")
    return reviews.filter(asked_for_by(actor) | Q(pk__in=signed))


def _with(request: HttpRequest, **changes: str) -> str:
    """The query of this list with another filter, from its beginning."""
    query = request.GET.copy()
    query.pop("at", None)
    for name, value in changes.items():
        query[name] = value
        if not value:
            query.pop(name)
    return f"?{query.urlencode()}"
