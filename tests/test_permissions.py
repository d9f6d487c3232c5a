"""Deny by default: every view says what it needs, or stands in the list of those open to all."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.urls import get_resolver
from pytest_django.fixtures import Settings

from countersign.permissions import INSTANCE_ROLES, TEAM_ROLES, Permission
from tests import permissions_kit as kit
from tests import permissions_world as world_of
from tests.permissions_kit import patterns

TABLE = Path(__file__).with_name("permissions.txt")

_MISSING = object()

PUBLIC = {
    "accounts:sign-in",
    "api:openapi",
    "api:docs",
    "upkeep:healthz",
    "upkeep:readyz",
}
"""URL names a stranger may ask for. A view that is not here declares `required_permission`."""


def declared(view: Any) -> Any:
    """What a view says it needs, whether it is a function, a Django or a DRF class."""
    for candidate in (view, getattr(view, "cls", None), getattr(view, "view_class", None)):
        found = getattr(candidate, "required_permission", _MISSING)
        if found is not _MISSING:
            return found
    return _MISSING


def test_every_view_declares_what_it_needs() -> None:
    everything = dict(patterns(get_resolver()))
    open_doors = [
        name
        for name, pattern in everything.items()
        if declared(pattern.callback) is _MISSING and name not in PUBLIC
    ]
    assert open_doors == []
    assert everything.keys() >= PUBLIC


def test_what_a_view_declares_is_a_permission() -> None:
    for name, pattern in patterns(get_resolver()):
        found = declared(pattern.callback)
        if found is not _MISSING:
            needs = list(found.values()) if isinstance(found, Mapping) else [found]
            assert all(need is None or isinstance(need, Permission) for need in needs), name


def test_a_public_view_is_not_also_guarded() -> None:
    for name, pattern in patterns(get_resolver()):
        if name in PUBLIC:
            assert declared(pattern.callback) is _MISSING, name


def test_a_rest_view_names_each_of_its_methods() -> None:
    """A dict that forgets a method would be a server error at the first call."""
    for name, pattern in patterns(get_resolver()):
        view = getattr(pattern.callback, "cls", None)
        found = declared(pattern.callback)
        if view is not None and isinstance(found, Mapping):
            methods = {method.upper() for method in view.http_method_names if hasattr(view, method)}
            assert methods - {"OPTIONS", "HEAD"} <= found.keys(), name


def test_every_role_has_a_column() -> None:
    assert set(kit.TEAM) == TEAM_ROLES
    assert set(kit.INSTANCE) == INSTANCE_ROLES


def table() -> dict[tuple[str, str], str]:
    """The lines of permissions.txt by route and method, as `row_of` writes them."""
    lines = [line.split() for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    rows = {(name, method): kit.row_of(name, method, list("".join(marks))) for name, method, *marks in lines}
    assert len(rows) == len(lines), "a route and method stands twice in permissions.txt"
    return rows


@pytest.fixture
def _without_top_and_foot(settings: Settings) -> None:
    """Pages are drawn whole but for what stands around each of them: thousands are asked."""
    [templates] = settings.TEMPLATES
    plain = Path(__file__).with_name("plain_templates")
    settings.TEMPLATES = [templates | {"DIRS": [plain, *templates["DIRS"]]}]


@pytest.mark.django_db
@pytest.mark.usefixtures("_without_top_and_foot")
@pytest.mark.parametrize("kind", ["pages", "REST"])
def test_who_may_do_what_by_every_route(kind: str) -> None:
    """Every route × method × role, own and foreign team: asked for real, compared with permissions.txt."""
    world = world_of.build()
    gc.freeze()
    sent = world_of.bodies(world)
    stated = {key: said for key, said in table().items() if kit.is_rest(key[0]) == (kind == "REST")}
    wrong = []
    for name, pattern in patterns(get_resolver()):
        if kit.is_rest(name) != (kind == "REST"):
            continue
        for method in kit.methods_of(pattern.callback):
            try:
                url = world_of.url_of(world, name, pattern)
            except KeyError as error:
                wrong.append(
                    f"  {name}: say in tests/permissions_world.py (things or BY_ROUTE) what {error} is"
                )
                break
            row = kit.row_of(name, method, _marks(world, name, method, url, sent))
            if row != (said := stated.pop((name, method), None)):
                wrong.append(f"  is     {row}\n  stated {said or 'nothing: add the line above'}")
    wrong += [f"  no such route any more: {said}" for said in stated.values()]
    columns = "\n".join(f"  {number:>2} {said}" for number, said in enumerate(kit.COLUMNS, 1))
    assert not wrong, (
        "\n".join(wrong)
        + f"\nEach mark is one of:\n{columns}\nIf what is, is what was meant, put that line into tests/permissions.txt."
        "\nA + that should not be one is often an empty body: see `bodies` in tests/permissions_world.py."
    )


def _marks(world: world_of.World, name: str, method: str, url: str, sent: Mapping[str, Any]) -> list[str]:
    """The mark of each column; a route open to all does not look at who asks, and is asked once."""
    body, rest = sent.get(f"{name} {method}"), kit.is_rest(name)
    if name in PUBLIC:
        return [kit.mark_of(world.askers[-3].ask(method, url, body, rest=rest))] * len(world.askers)
    return [kit.mark_of(asker.ask(method, url, body, rest=rest)) for asker in world.askers]
