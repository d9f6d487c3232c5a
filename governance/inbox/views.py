"""The first page: what waits for you, what runs, what was decided, what is in production."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from countersign.errors import Invalid, NotFound
from countersign.ledger.trail import lines_of
from countersign.permissions import Permission
from countersign.web.formats import day
from countersign.web.guards import actor_of_request, page
from countersign.web.paging import window_of_known
from countersign.web.render import redirect_after_post, render_page
from governance.inbox.actions import snooze, wake
from governance.inbox.forms import SnoozeForm
from governance.inbox.queries import recent_decisions, running_tasks, snoozed_by, tasks_of, wall
from governance.inbox.tasks import Kind
from governance.reviews.forms import take_errors

SNOOZED = "snoozed"
RUNNING_SHOWN = 5
# Value of ?kind=, label, and what an empty list of it says.
TABS = (
    (
        "",
        "Waits for you",
        "Nothing waits for you",
        "Reviews you may sign, changes to answer, approvals to carry out or renew, and failed jobs of yours "
        "appear here by themselves.",
    ),
    (
        Kind.REVIEW,
        "To review",
        "Nothing to review",
        "A review appears here while it waits for a sign-off you may give.",
    ),
    (
        Kind.ANSWER,
        "To answer",
        "Nothing to answer",
        "When a reviewer asks for changes in a review you requested, it appears here until you answer.",
    ),
    (
        Kind.PROMOTE,
        "To promote",
        "Nothing to promote",
        "An approved version appears here for the owners of its team until it is live.",
    ),
    (
        Kind.EXPIRING,
        "Expiring",
        "Nothing ends soon",
        "Approvals of live versions that end within 30 days or hold no longer, and roles and tokens of yours that "
        "end within 14 days.",
    ),
    (Kind.FAILED, "Failed", "Nothing failed", "Jobs of yours that failed in the last seven days."),
    (
        Kind.RUNNING,
        "Running",
        "Nothing runs",
        "Evaluations, exports and checks under way, yours and your teams’.",
    ),
    (SNOOZED, "Snoozed", "Nothing is put aside", "What you put aside shows again on the day you named."),
)


@page(None)
@require_safe
def inbox(request: HttpRequest) -> HttpResponse:
    """The inbox of whoever is signed in; `?kind=` shows one kind, `?snooze=` the form that puts a task aside. Its
    parts `inbox-list` and `running-jobs` renew themselves."""
    return _inbox(request, 200)


def _inbox(request: HttpRequest, status: int, form: SnoozeForm | None = None) -> HttpResponse:
    actor = actor_of_request(request)
    everything, running, aside = tasks_of(actor), running_tasks(actor), snoozed_by(actor)
    waiting = [task for task in everything if task.key not in aside]
    counts: Counter[str] = Counter(task.kind for task in waiting)
    counts.update({"": len(waiting), Kind.RUNNING: len(running), SNOOZED: len(everything) - len(waiting)})
    kind = request.GET.get("kind", "")
    kind = kind if kind in {value for value, *_ in TABS} else ""
    listed = (
        {
            "": waiting,
            Kind.RUNNING: running,
            SNOOZED: [task for task in everything if task.key in aside],
        }.get(kind)
        if kind in ("", Kind.RUNNING, SNOOZED)
        else [task for task in waiting if task.kind == kind]
    )
    tasks, window = window_of_known(request, listed or [], key=lambda task: task.turn)
    asked = request.POST.get("task", "") if form else request.GET.get("snooze", "")
    context: dict[str, Any] = {
        "noun": "Inbox",
        "tabs": [(value, label, _with(request, kind=value), counts[value]) for value, label, *_ in TABS],
        "kind": kind,
        "empty": next((title, text) for value, _, title, text in TABS if value == kind),
        "tasks": [(task, aside.get(task.key)) for task in tasks],
        "window": window,
        "snoozing": asked,
        "snooze_form": form or SnoozeForm(initial={"task": asked}),
        "may_snooze": kind != Kind.RUNNING,
        "here": request.GET.urlencode(),
        "running": running[:RUNNING_SHOWN],
        "decisions": lines_of(recent_decisions(actor)),
        "wall": wall(actor),
        "may_register": actor.holds_anywhere(Permission.REGISTER),
        "may_manage": actor.holds_anywhere(Permission.MANAGE_PEOPLE),
    }
    return render_page(request, "governance/inbox/inbox.html", context, status=status)


def _with(request: HttpRequest, **changes: str) -> str:
    """This page with another kind, from its beginning."""
    query = {name: value for name, value in changes.items() if value}
    return f"?{urlencode(query)}" if query else reverse("inbox")


@page(None)
@require_http_methods(["GET", "HEAD", "POST"])
def put_aside(request: HttpRequest) -> HttpResponseBase:
    """Put a task aside until a day; `?kind=` says which list to go back to."""
    if request.method != "POST":
        return redirect_after_post(request, "inbox")
    form = SnoozeForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            aside = snooze(task=given["task"], until=given["until"], actor=actor_of_request(request))
        except Invalid as error:
            take_errors(form, error)
        except NotFound as error:
            messages.info(request, error.message)
            return _back(request)
        else:
            messages.success(request, f"Put aside until {day(aside.until)}. It stands under Snoozed.")
            return _back(request)
    return _inbox(request, 422, form)


@page(None)
@require_http_methods(["GET", "HEAD", "POST"])
def take_back(request: HttpRequest) -> HttpResponseBase:
    """Take a task back that was put aside."""
    if request.method == "POST":
        wake(task=request.POST.get("task", "").replace("\0", "")[:100], actor=actor_of_request(request))
    return _back(request)


def _back(request: HttpRequest) -> HttpResponseBase:
    kind = request.GET.get("kind", "")
    known = kind if kind in {value for value, *_ in TABS} else ""
    return redirect_after_post(request, reverse("inbox") + (f"?kind={known}" if known else ""))
