"""What the audit trail is narrowed by, as it stands in the URL."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from django import forms

from countersign.ledger import verbs
from countersign.ledger.queries import Filters
from countersign.web.fields import DayField, PageForm


class TrailFilter(PageForm):
    """Verb, actor, subject, act, and days (both included)."""

    verb = forms.CharField(label="What happened", required=False, max_length=100)
    actor = forms.UUIDField(label="Who", required=False)
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

    def filters(self) -> Filters:
        """The filters of a valid form."""
        given = self.cleaned_data
        return Filters(
            verb=given["verb"] or None,
            actor=given["actor"],
            subject_ref=given["subject"],
            act=given["act"],
            since=datetime.combine(given["since"], time(), UTC) if given["since"] else None,
            until=datetime.combine(given["until"], time(), UTC) + timedelta(days=1)
            if given["until"]
            else None,
        )
