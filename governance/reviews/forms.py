"""Forms of reviews: asking for one, signing, remarks, taking back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms

from countersign.errors import Invalid
from countersign.web.fields import DayField, PageForm
from governance.environments.models import Environment
from governance.reviews.models import Decision

REASON_LIMIT = 20_000


class Opted(forms.ChoiceField):
    """A choice as radio buttons. `hints` say what follows of each; `refused` say why one cannot be chosen."""

    widget = forms.RadioSelect

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hints: dict[str, str] = {}
        self.refused: dict[str, str] = {}


def spoken(label: str, help_text: str, rows: int = 3, *, required: bool = True) -> forms.CharField:
    """A text in a person's own words, which stays on the record."""
    widget = forms.Textarea(attrs={"rows": rows, "class": "voice"})
    return forms.CharField(
        label=label, help_text=help_text, widget=widget, max_length=REASON_LIMIT, required=required
    )


class AskForm(PageForm):
    """Ask for a review of a version."""

    environment = Opted(label="For which environment")
    reason = spoken(
        "Why, and what changed", "Reviewers read it first; it stands in the ledger beside your name."
    )
    due_on = DayField(label="Due", required=False, help_text="A day, such as 30 Jun 2027.")

    def __init__(
        self, *args: Any, environments: Sequence[Environment], refused: Mapping[str, str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["environment"]
        if isinstance(field, Opted):
            field.choices = [(one.slug, one.name) for one in environments]
            field.refused = dict(refused)


class SignForm(PageForm):
    """One person's decision. `seen_digest` and `seen_parts` are the subject the page showed."""

    DECISIONS: ClassVar[dict[str, str]] = {
        Decision.APPROVE: "Sign: fit for {environment}",
        Decision.REQUEST_CHANGES: "Request changes",
        Decision.REJECT: "Refuse",
    }
    HINTS: ClassVar[dict[str, str]] = {
        Decision.APPROVE: "The last missing sign-off approves the version.",
        Decision.REQUEST_CHANGES: "Nobody can approve until the requester has answered.",
        Decision.REJECT: "Closes the review. A new one can be requested.",
    }

    decision = Opted(label="Your decision")
    requirement = Opted(label="Signed as")
    reason = spoken("Reason", "Printed beside your name in every export.")
    password = forms.CharField(
        label="Your password",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="Asked for every signature, valid for this one only.",
    )
    seen_digest = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)
    seen_parts = forms.CharField(widget=forms.HiddenInput, max_length=2000, required=False)

    def __init__(
        self,
        *args: Any,
        environment: str,
        places: Mapping[str, str],
        hints: Mapping[str, str],
        refused_decisions: Mapping[str, str],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        decision, requirement = self.fields["decision"], self.fields["requirement"]
        if isinstance(decision, Opted) and isinstance(requirement, Opted):
            decision.choices = [
                (value, said.format(environment=environment)) for value, said in self.DECISIONS.items()
            ]
            decision.hints, decision.refused = dict(self.HINTS), dict(refused_decisions)
            requirement.choices, requirement.hints = list(places.items()), dict(hints)

    def seen(self) -> dict[str, str]:
        """The parts of the subject the page showed; empty where the field was tampered with."""
        try:
            parts = json.loads(self.cleaned_data.get("seen_parts") or "{}")
        except ValueError:
            return {}
        return {str(k): str(v) for k, v in parts.items()} if isinstance(parts, dict) else {}


class RemarkForm(PageForm):
    """Say something in a review."""

    body = spoken(
        "Add a remark", "Markdown. It stays on the record and does not count as a decision.", rows=2
    )


class ThreadForm(PageForm):
    """Begin a thread on one thing of the subject, named by `anchor`."""

    anchor = forms.CharField(widget=forms.HiddenInput, max_length=700)
    body = spoken("What do you say about it", "Markdown. It stays on the record beside the number.", rows=3)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "new_%s")
        super().__init__(*args, **kwargs)


class ReplyForm(PageForm):
    """Say something in a thread."""

    body = spoken("Your reply", "Markdown. It stays on the record.", rows=3)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "reply_%s")
        super().__init__(*args, **kwargs)


class ReasonForm(PageForm):
    """Why a review is withdrawn or an approval revoked."""

    reason = spoken("Reason", "It stands in the ledger beside your name.", rows=2)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", "why_%s")  # the seal on the same page has a reason too
        super().__init__(*args, **kwargs)


def take_errors(form: PageForm, error: Invalid) -> None:
    """The sentences of an action's error beside the fields they name."""
    for name, sentences in error.fields.items():
        for sentence in sentences:
            form.add_error(name if name in form.fields else None, sentence)
