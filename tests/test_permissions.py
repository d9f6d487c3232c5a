"""Deny by default: every view says what it needs, or stands in the list of those open to all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from countersign.permissions import Permission

_MISSING = object()

PUBLIC = {
    "accounts:sign-in",
    "api:openapi",
    "api:docs",
    "upkeep:healthz",
    "upkeep:readyz",
}
"""URL names a stranger may ask for. A view that is not here declares `required_permission`."""


def patterns(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every pattern with its full name."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from patterns(pattern, inner)
        else:
            yield f"{namespace}{pattern.name or pattern.pattern}", pattern


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
