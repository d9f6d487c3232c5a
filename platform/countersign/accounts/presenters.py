"""Sentences of the audit trail about people, roles, service accounts and tokens."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from countersign.accounts.models import ServiceAccount, Team, User
from countersign.ledger.presenters import Link, Lookup, Sentence, name_with, sentence

_USERS = Lookup(User.objects.in_bulk)
_TEAMS = Lookup(Team.objects.in_bulk)
_SERVICE_ACCOUNTS = Lookup(ServiceAccount.objects.in_bulk)

name_with(_USERS, lambda user: Link(user.full_name, reverse("accounts:person", args=[user.pk])))
name_with(_TEAMS, lambda team: f"the team {team.name}")
name_with(_SERVICE_ACCOUNTS, lambda account: account.name)


def _person(ref: str | None) -> Link | str:
    user = _USERS.of(ref)
    return Link(user.full_name, reverse("accounts:person", args=[user.pk])) if user else "a person"


def _where(team: str | None) -> str:
    if team is None:
        return "for the instance"
    found = _TEAMS.of(team)
    return f"in {found}" if found else "in a team"


def _because(leaf: dict[str, Any]) -> str:
    reason = leaf["personal"].get("reason")
    return f": “{reason}”" if reason else ""


def _of_person(words: str, leaf: dict[str, Any]) -> Sentence:
    return Sentence.of(f"{words} ", _person(leaf["subject"]["ref"]), _because(leaf))


@sentence("accounts.user.created")
def user_created(leaf: dict[str, Any]) -> Sentence:
    """“Added the person …”."""
    return _of_person("Added the person", leaf)


@sentence("accounts.user.deactivated")
def user_deactivated(leaf: dict[str, Any]) -> Sentence:
    """“Deactivated …: “reason””."""
    return _of_person("Deactivated", leaf)


@sentence("accounts.user.reactivated")
def user_reactivated(leaf: dict[str, Any]) -> Sentence:
    """“Reactivated …”."""
    return _of_person("Reactivated", leaf)


@sentence("accounts.user.password_changed")
def password_changed(leaf: dict[str, Any]) -> Sentence:
    """“Changed their password”: only the person does that."""
    return Sentence.of("Changed their password")


@sentence("accounts.user.password_reset")
def password_reset(leaf: dict[str, Any]) -> Sentence:
    """“Gave … a temporary password”."""
    return Sentence.of("Gave ", _person(leaf["subject"]["ref"]), " a temporary password")


@sentence("accounts.user.locked_out")
def locked_out(leaf: dict[str, Any]) -> Sentence:
    """“Locked … out for 30 seconds after failed tries”."""
    seconds = leaf["data"]["after"]["details"]["seconds"]
    return Sentence.of(
        "Locked ",
        _person(leaf["subject"]["ref"]),
        f" out for {seconds} seconds after failed tries to sign in",
    )


@sentence("accounts.user.sessions_ended")
def sessions_ended(leaf: dict[str, Any]) -> Sentence:
    """“Ended every session of …”."""
    return _of_person("Ended every session of", leaf)


@sentence("accounts.team.created")
def team_created(leaf: dict[str, Any]) -> Sentence:
    """“Added the team …”."""
    return Sentence.of("Added the team ", leaf["data"]["after"]["name"])


@sentence("accounts.membership.granted")
def role_granted(leaf: dict[str, Any]) -> Sentence:
    """“Made … reviewer in Risk until …: “reason””."""
    after = leaf["data"]["after"]
    until = f" until {after['ends_at'][:10]}" if after["ends_at"] else ""
    return Sentence.of(
        "Made ", _person(after["user"]), f" {after['role']} {_where(after['team'])}{until}", _because(leaf)
    )


@sentence("accounts.membership.end_moved")
def role_end_moved(leaf: dict[str, Any]) -> Sentence:
    """“Moved the end of the role reviewer in Risk of … to …: “reason””."""
    after = leaf["data"]["after"]
    until = f" to {after['ends_at'][:10]}" if after["ends_at"] else ": it has none now"
    return Sentence.of(
        f"Moved the end of the role {after['role']} {_where(after['team'])} of ",
        _person(after["user"]),
        until,
        _because(leaf),
    )


@sentence("accounts.membership.ended")
def role_ended(leaf: dict[str, Any]) -> Sentence:
    """“Ended the role reviewer in Risk of …: “reason””."""
    after = leaf["data"]["after"]
    return Sentence.of(
        f"Ended the role {after['role']} {_where(after['team'])} of ", _person(after["user"]), _because(leaf)
    )


@sentence("accounts.service_account.created")
def service_account_created(leaf: dict[str, Any]) -> Sentence:
    """“Added the service account …, for which … answers”."""
    after = leaf["data"]["after"]
    return Sentence.of(
        f"Added the service account {after['name']} {_where(after['team'])}, for which ",
        _person(after["responsible"]),
        " answers",
    )


@sentence("accounts.service_account.reassigned")
def service_account_reassigned(leaf: dict[str, Any]) -> Sentence:
    """“Named … to answer for the service account …”."""
    after = leaf["data"]["after"]
    return Sentence.of(
        "Named ", _person(after["responsible"]), f" to answer for the service account {after['name']}"
    )


@sentence("accounts.service_account.deactivated")
def service_account_deactivated(leaf: dict[str, Any]) -> Sentence:
    """“Deactivated the service account …”."""
    return Sentence.of(f"Deactivated the service account {leaf['data']['after']['name']}")


def _token(words: str, leaf: dict[str, Any]) -> Sentence:
    after = leaf["data"]["after"]
    scopes = ", ".join(after["scopes"])
    if after["user"]:
        return Sentence.of(f"{words} the token {after['name']} ({scopes}) of ", _person(after["user"]))
    account = _SERVICE_ACCOUNTS.of(after["service_account"])
    return Sentence.of(f"{words} the token {after['name']} ({scopes}) of the service account {account or ''}")


@sentence("accounts.api_token.created")
def token_created(leaf: dict[str, Any]) -> Sentence:
    """“Made the token … (read, write) of …”."""
    return _token("Made", leaf)


@sentence("accounts.api_token.revoked")
def token_revoked(leaf: dict[str, Any]) -> Sentence:
    """“Revoked the token … (read) of …”."""
    return _token("Revoked", leaf)


@sentence("accounts.attempt.refused")
def attempt_refused(leaf: dict[str, Any]) -> Sentence:
    """“Was refused: GET registry:model, for permission_missing (3 more were refused and not written
    down)”."""
    details = leaf["data"]["after"]["details"]
    more = details["not_recorded_before"]
    also = f" ({more} more were refused before and not written down one by one)" if more else ""
    return Sentence.of(f"Was refused: {details['attempted']}, for {', '.join(details['reasons'])}{also}")
