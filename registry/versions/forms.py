"""Forms of models and versions: registering a model, describing, tagging, renaming."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from django import forms

from countersign.accounts.models import Team
from countersign.web.fields import PageForm
from registry.names import NAME_LIMIT, PROSE_LIMIT


def mark_of(text: str) -> str:
    """What a form carries of the text it was filled from, so that nobody writes over what they have not seen."""
    return sha256(text.encode()).hexdigest()[:32]


def _prose(help_text: str) -> forms.CharField:
    return forms.CharField(
        label="Description",
        help_text=help_text,
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=PROSE_LIMIT,
        required=False,
    )


class NewModelForm(PageForm):
    """A new registered model."""

    name = forms.CharField(
        label="Name",
        max_length=NAME_LIMIT,
        help_text="As training jobs and addresses will write it, without / and :. It can be renamed until a version "
        "goes live.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    team = forms.ChoiceField(label="Team", help_text="Who answers for it, and who may see it.")
    description = _prose("What it predicts and for whom, in a sentence or two.")

    def __init__(self, *args: Any, teams: Sequence[Team], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["team"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [(team.slug, team.name) for team in teams]


class DescribeForm(PageForm):
    """Another description. `seen` marks the one the page showed."""

    description = _prose("Stands under the name, and in lists. The one before stays in the ledger.")
    seen = forms.CharField(widget=forms.HiddenInput, required=False)


class TagForm(PageForm):
    """A tag: a key with a value."""

    key = forms.CharField(
        label="Key", max_length=250, widget=forms.TextInput(attrs={"autocomplete": "off", "size": 16})
    )
    value = forms.CharField(
        label="Value",
        max_length=5_000,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "size": 24}),
    )


class RenameForm(PageForm):
    """Another name for a model."""

    name = forms.CharField(
        label="Name",
        max_length=NAME_LIMIT,
        help_text="Addresses and training jobs that use the old name stop working.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
