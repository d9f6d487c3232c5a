"""Putting a task of the inbox aside and taking it back: a convenience of one person, so no entry tells of it."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import transaction

from countersign import clock
from countersign.actors import Actor, ActorKind
from countersign.errors import Invalid, NotFound
from governance.inbox.models import Snooze
from governance.inbox.queries import tasks_of

LONGEST = timedelta(days=366)


@transaction.atomic
def snooze(*, task: str, until: date, actor: Actor) -> Snooze:
    """Put a task of the actor's inbox aside until a day (UTC), on which it shows again. A second time changes the day.
    Raises NotFound for what is not in their inbox, Invalid for a day that is not to come or more than a year off."""
    today = clock.now().date()
    if not today < until <= today + LONGEST:
        raise Invalid(
            "Nothing was put aside.", fields={"until": ["Choose a day after today, at most a year from now."]}
        )
    if actor.kind is not ActorKind.PERSON or task not in {one.key for one in tasks_of(actor)}:
        raise NotFound("This is not in your inbox, or not any more.")
    Snooze.objects.filter(person=actor.person, until__lte=today).delete()
    aside, _ = Snooze.objects.update_or_create(person_id=actor.person, task=task, defaults={"until": until})
    return aside


@transaction.atomic
def wake(*, task: str, actor: Actor) -> None:
    """Take a task back that was put aside; nothing happens where it was not."""
    Snooze.objects.filter(person=actor.person, task=task).delete()
