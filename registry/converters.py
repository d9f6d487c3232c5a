"""Names in URLs: spaces and letters of any script, but no `/` and no `:`, as names are."""

from __future__ import annotations

from django.urls import register_converter


class NameConverter:
    """A name of a model or dataset, decoded."""

    regex = "[^/:]{1,200}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(NameConverter, "name")
