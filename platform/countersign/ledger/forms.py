"""What the audit trail is narrowed by, as it stands in the URL."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms

from countersign.ledger import names, verbs
from countersign.ledger.checks import recorded_models
from countersign.ledger.queries import Filters
from countersign.web.fields import DayField, PageForm


def kinds() -> list[tuple[str, str]]:
    """The kinds of things entries are about, with their words: `registry.model`, “model (registry)”."""
    types = sorted(model.ledger_type for model in recorded_models())
    return [(name, name.partition(".")[2].replace("_", " ")) for name in types]


class TrailFilter(PageForm):
    """Verb, actor (by name or id), kind and id of the subject, act, and days (both included)."""

    verb = forms.CharField(label="What happened", required=False, max_length=100)
    who = forms.CharField(label="Who, by name", required=False, max_length=200)
    actor = forms.UUIDField(label="Who", required=False)
    kind = forms.CharField(label="About a", required=False, max_length=60)
    subject = forms.UUIDField(label="About", required=False)
    act = forms.UUIDField(label="Act", required=False)
    since = DayField(label="From", required=False)
    until = DayField(label="To", required=False)

    def clean_verb(self) -> str:
        """A registered verb, or the beginning of some, ending with a dot."""
        verb: str = self.cleaned_data["verb"].strip()
        if verb and not any(one.name.startswith(verb) for one in verbs.all_verbs()):
            raise forms.ValidationError("No such kind of entry. Choose one of the list.")
        return verb

    def clean_kind(self) -> str:
        """A kind of thing entries are about."""
        kind: str = self.cleaned_data["kind"].strip()
        if kind and kind not in dict(kinds()):
            raise forms.ValidationError("Entries are about nothing of this kind. Choose one of the list.")
        return kind

    def clean_who(self) -> str:
        """The name of somebody known here."""
        said: str = self.cleaned_data["who"].strip()
        self._called = tuple(names.called(said)) if said else None
        if self._called == ():
            raise forms.ValidationError(
                f"Nobody here is called “{said}”. Give a part of the name, or drop it."
            )
        return said

    def clean(self) -> dict[str, Any]:
        """The first day is not after the last."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = given.get("since"), given.get("until")
        if first and last and first > last:
            self.add_error("since", "The first day lies after the last. Exchange them.")
        return given

    def filters(self) -> Filters:
        """The filters of a valid form."""
        given = self.cleaned_data
        return Filters(
            verb=given["verb"] or None,
            actor=given["actor"],
            actors=self._called,
            subject_type=given["kind"] or None,
            subject_ref=given["subject"],
            act=given["act"],
            since=datetime.combine(given["since"], time(), UTC) if given["since"] else None,
            until=datetime.combine(given["until"], time(), UTC) + timedelta(days=1)
            if given["until"]
            else None,
        )
