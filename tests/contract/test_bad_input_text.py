"""Unicode in every text field of every operation that writes: taken as it is, or refused with a code, never a crash."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import get_resolver

from countersign.permissions import Role, Scope
from tests import permissions_kit as routes
from tests import permissions_world
from tests.contract.kit import explained, rows
from tests.factories import people

pytestmark = pytest.mark.django_db

TEXTS = {
    "NUL": "a\x00b",
    "half a surrogate pair": "a\ud800b",
    "bidirectional override": "a\u202eb\u202c",
    "many scripts": "模型 🤖 \U0001f9d1\u200d\U0001f52c نموذج e" + "\u0301" * 30,
    "zero width": "\u200b\ufeff",
    "line separators": "a\u2028b\r\nc\x85",
    "no characters": "\uffff\U0010ffff",
    "spaces": " \u3000 ",
    "very long": "x" * 100_000,
}
NEVER_TAKEN = ("NUL", "half a surrogate pair")


def fields(body: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to every text of a body."""
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in inner:
        if isinstance(value, str):
            yield (*at, key)
        else:
            yield from fields(value, (*at, key))


def put(body: Any, way: tuple[str | int, ...], text: str) -> Any:
    """A copy of the body with this text there."""
    copy = json.loads(json.dumps(body, default=str))
    inner = copy
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = text
    return copy


class Writers:
    """People who together may do everything."""

    def __init__(self, world: permissions_world.World) -> None:
        team = world.team
        self._clients = [
            people.api_client(people.token_for(people.make_user(roles=roles), *Scope))
            for roles in (
                [(Role.CONTRIBUTOR, team), (Role.OWNER, team)],
                [(Role.REVIEWER, team), (Role.APPROVER, team)],
                [(Role.COMPLIANCE, None)],
                [(Role.AUDITOR, None)],
                [(Role.ADMINISTRATOR, None)],
            )
        ]
        owner = Client()
        owner.force_login(world.people["owner"])
        self._clients.append(owner)

    def who_may(self, method: str, url: str, body: Any) -> Client | None:
        """The first who is not refused."""
        for client in self._clients:
            with taken_back():
                if (
                    client.generic(method, url, json.dumps(body, default=str), "application/json").status_code
                    < 300
                ):
                    return client
        return None


class taken_back:  # noqa: N801  reads like a context manager, which it is
    """What is written inside is undone."""

    def __enter__(self) -> None:
        self._save = transaction.savepoint()

    def __exit__(self, *_: object) -> None:
        transaction.savepoint_rollback(self._save)


def test_unicode_in_every_field() -> None:
    world = permissions_world.build()
    bodies, writers, before = permissions_world.bodies(world), Writers(world), rows()
    wrong, asked, taken = [], 0, 0
    for name, pattern in routes.patterns(get_resolver()):
        if not routes.is_rest(name):
            continue
        for method in routes.methods_of(pattern.callback):
            body = bodies.get(f"{name} {method}")
            if not isinstance(body, dict) or any(
                not isinstance(one, str | int | list | dict) for one in body.values()
            ):
                continue
            try:
                url = permissions_world.url_of(world, name, pattern)
            except KeyError:  # tests/test_permissions.py fails and says what is to be told of the route
                continue
            if (client := writers.who_may(method, url, body)) is None:
                continue
            for way in fields(body):
                for called, text in TEXTS.items():
                    asked += 1
                    with taken_back():
                        answer = client.generic(
                            method, url, json.dumps(put(body, way, text)), "application/json"
                        )
                        taken += answer.status_code < 300
                        if problem := what_is_wrong(answer, called, text, way[-1], before):
                            wrong.append(f"{method} {url} {way} {called}: {problem}")
    assert not wrong, "\n".join(wrong)
    assert asked > 200
    assert taken > 30


def readable(text: str) -> str:
    """The text but for its form: composed, and spaces and line ends alike."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def what_is_wrong(answer: Any, called: str, text: str, field: str | int, before: dict[str, int]) -> str:
    """What is wrong with the answer to this text; nothing where it is empty."""
    if answer.status_code >= 500:
        return f"{answer.status_code} {answer.content[:300]!r}"
    said = answer.json() if answer.content else {}
    if answer.status_code >= 400:
        if not explained(said, answer.status_code):
            return f"{answer.status_code} {said['code']} is not explained in docs/api.md"
        changed = {name for name, count in rows().items() if count != before[name]}
        refusal = {"ledger_entry", "ledger_pending"} if answer.status_code in (403, 429) else set()
        return f"refused, and half written: {changed}" if changed - refusal else ""
    if called in NEVER_TAKEN:
        return f"taken: {answer.content[:300]!r}"
    echoed = said.get(field) if isinstance(said, dict) else None
    kept = field == "reason" or (
        called == "spaces" and field == "name"
    )  # the reason of the request; a default
    if isinstance(echoed, str) and not kept and readable(text) != readable(echoed):
        return f"came back as {echoed[:80]!r}"
    return ""
