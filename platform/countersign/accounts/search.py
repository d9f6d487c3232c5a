"""People and service accounts, as search finds them."""

from __future__ import annotations

from django.db.models import Q
from django.urls import reverse

from countersign.accounts.models import ServiceAccount, User
from countersign.accounts.queries import service_accounts_visible_to, users_visible_to
from countersign.actors import Actor
from countersign.web.search import Found, Hit, Kind, Query, register


def find_people(actor: Actor, query: Query, limit: int) -> Found:
    """By name or sign-in name, for who may know people."""
    wanted = Q(full_name__icontains=query.text) | Q(username_folded__startswith=query.folded)
    return Found.of(users_visible_to(actor).filter(wanted).order_by("full_name", "pk"), limit, _person)


def _person(user: User) -> Hit:
    return Hit(
        user.full_name,
        reverse("accounts:person", args=[user.pk]),
        aside="" if user.is_active else "deactivated",
        icon="user",
    )


def find_service_accounts(actor: Actor, query: Query, limit: int) -> Found:
    """By name."""
    rows = service_accounts_visible_to(actor).filter(name__icontains=query.text).order_by("name", "pk")
    return Found.of(rows, limit, _service_account)


def _service_account(account: ServiceAccount) -> Hit:
    return Hit(
        account.name,
        reverse("accounts:service-account", args=[account.pk]),
        about=f"of {account.team}, {account.responsible.full_name} answers for it",
        aside="" if account.is_active else "deactivated",
        icon="user",
    )


register(Kind("people", "People", 60, find_people))
register(Kind("service-accounts", "Service accounts", 65, find_service_accounts))
