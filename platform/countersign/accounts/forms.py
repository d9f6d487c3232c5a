"""Forms of the account pages. They check what was typed; whether it is allowed is the actions' to say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms

from countersign import clock
from countersign.accounts.actions.machines import LONGEST_DAYS, SERVICE_ROLES
from countersign.accounts.models import ServiceAccount, Team, User
from countersign.errors import CountersignError, Invalid
from countersign.permissions import INSTANCE_ROLES, Role, Scope
from countersign.web.fields import DayField, PageForm

SCOPE_HINTS = {
    Scope.READ: "See models, evidence and the audit trail; download files.",
    Scope.WRITE: "Register, upload, evaluate, ask for reviews, promote.",
    Scope.SIGN: "Sign reviews; each signature also asks for your password. Never a service account's.",
    Scope.EXPORT: "Ask for audit exports.",
    Scope.ADMINISTER: "Add people, teams, roles and service accounts.",
}


def take_errors(
    form: forms.BaseForm, error: CountersignError, called: Mapping[str, str] | None = None
) -> None:
    """Put the sentences of an action's error on the fields they name (`called`: what the form calls them); what names
    none of this form's stands above it."""
    fields = error.fields if isinstance(error, Invalid) else {}
    fields = {(called or {}).get(name, name): sentences for name, sentences in fields.items()}
    general = [] if fields else [error.message]
    for name, sentences in fields.items():
        if name not in form.fields:
            general += sentences
            continue
        for sentence in sentences:
            form.add_error(name, sentence)
    for sentence in general:
        form.add_error(None, sentence)


def _password(label: str, autocomplete: str, help_text: str = "") -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, widget=widget, strip=False, max_length=1024, help_text=help_text)


def _reason() -> forms.CharField:
    return forms.CharField(
        label="Reason",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2, "class": "voice"}),
        help_text="It is kept in the ledger, beside your name.",
    )


class _ExactInstant(forms.HiddenInput):
    """A hidden instant to the microsecond, as the database has it."""

    def format_value(self, value: Any) -> str | None:
        return value.isoformat() if isinstance(value, datetime) else super().format_value(value)


class SignInForm(PageForm):
    """User name and password."""

    username = forms.CharField(
        label="User name",
        max_length=150,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    password = _password("Password", "current-password")


class PasswordForm(PageForm):
    """The old password, and the new one twice."""

    current = _password("Password you have now", "current-password")
    password = _password(
        "New password", "new-password", "At least 12 characters. A password manager can make and keep one."
    )
    again = _password("New password again", "new-password")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if cleaned and "password" in cleaned and cleaned.get("again") != cleaned["password"]:
            self.add_error("again", "This is not the same as the new password. Type it again.")
        return cleaned


class AppearanceForm(PageForm):
    """How pages look in this browser."""

    theme = forms.ChoiceField(
        label="Colours", choices=[("system", "As the system"), ("light", "Light"), ("dark", "Dark")]
    )
    density = forms.ChoiceField(label="Tables", choices=[("roomy", "Roomy"), ("compact", "Compact")])


class TokenForm(PageForm):
    """A new token of one of `holders` (the first is the choice made); `scopes` are what it may have."""

    holder = forms.ChoiceField(label="Stands for")
    name = forms.CharField(
        label="Name", max_length=100, help_text="Where it will be used, such as “nightly training”."
    )
    scopes = forms.MultipleChoiceField(label="May be used to", widget=forms.CheckboxSelectMultiple)
    days = forms.IntegerField(
        label="Days until it ends", min_value=1, max_value=LONGEST_DAYS, initial=90, help_text="At most 365."
    )

    def __init__(
        self,
        *args: Any,
        holders: Iterable[User | ServiceAccount],
        scopes: Iterable[Scope] = tuple(Scope),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.holders = {str(holder.pk): holder for holder in holders}
        holder_field, scopes_field = self.fields["holder"], self.fields["scopes"]
        assert isinstance(holder_field, forms.ChoiceField)  # noqa: S101  for the type checker
        assert isinstance(scopes_field, forms.MultipleChoiceField)  # noqa: S101
        holder_field.choices = [(key, _holder_label(holder)) for key, holder in self.holders.items()]
        if len(self.holders) == 1:
            holder_field.widget = forms.HiddenInput()
            holder_field.initial = next(iter(self.holders))
        scopes_field.choices = [(scope.value, scope.value.capitalize()) for scope in scopes]
        scopes_field.hints = {scope.value: SCOPE_HINTS[scope] for scope in scopes}  # type: ignore[attr-defined]

    def chosen_holder(self) -> User | ServiceAccount:
        """The chosen holder of a valid form."""
        return self.holders[self.cleaned_data["holder"]]

    def chosen_scopes(self) -> list[Scope]:
        """The chosen scopes of a valid form."""
        return [Scope(value) for value in self.cleaned_data["scopes"]]


def _holder_label(holder: User | ServiceAccount) -> str:
    return "You" if isinstance(holder, User) else f"service account {holder} of {holder.team}"


class PersonForm(PageForm):
    """A new person; the password is made for them."""

    username = forms.CharField(
        label="User name",
        max_length=150,
        help_text="What they sign in with. It is never given to anybody else.",
    )
    full_name = forms.CharField(label="Name", max_length=200, help_text="As it stands under signatures.")
    email = forms.EmailField(label="Mail address", required=False)


class TeamForm(PageForm):
    """A new team."""

    name = forms.CharField(label="Name", max_length=100)


class _PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Active people by name, with the sign-in name that tells two of the same name apart."""

    def __init__(self, **kwargs: Any) -> None:
        people = User.objects.filter(is_active=True).order_by("full_name")
        super().__init__(people, empty_label="choose a person", **kwargs)

    def label_from_instance(self, obj: User) -> str:
        return f"{obj.full_name} ({obj.username})"


class RoleForm(PageForm):
    """A role to grant."""

    user = _PersonField(label="Person")
    role = forms.ChoiceField(label="Role", choices=[(role.value, role.value) for role in Role])
    team = forms.ModelChoiceField(
        Team.objects.order_by("name"),
        label="Team",
        required=False,
        empty_label="none: the whole instance",
        help_text="For " + ", ".join(sorted(INSTANCE_ROLES)) + " leave it out: they reach every team.",
    )
    starts = DayField(
        label="From",
        required=False,
        help_text="The first day (UTC), such as 1 Jan 2027. Without it the role begins now.",
    )
    until = DayField(
        label="Until",
        required=False,
        help_text="The last day (UTC), such as 30 Jun 2027. Without it the role has no end.",
    )
    reason = _reason()

    def starts_at(self) -> datetime | None:
        """The instant at which the first day begins; None: now, also for today."""
        first: date | None = self.cleaned_data["starts"]
        return None if first is None or first == clock.now().date() else datetime.combine(first, time(), UTC)

    def ends_at(self) -> datetime | None:
        """The instant at which the last day is over."""
        return _end_of(self.cleaned_data["until"])


class RoleEndForm(PageForm):
    """Another last day of a role. `seen_end` is the end the page showed."""

    until = DayField(
        label="New last day",
        required=False,
        help_text="UTC, such as 30 Jun 2027. Without it the role has no end.",
    )
    reason = _reason()
    seen_end = forms.DateTimeField(required=False, widget=_ExactInstant)

    def ends_at(self) -> datetime | None:
        """The instant at which the last day is over."""
        return _end_of(self.cleaned_data["until"])


def _end_of(last: date | None) -> datetime | None:
    return datetime.combine(last + timedelta(days=1), time(), UTC) if last else None


class ReasonForm(PageForm):
    """Why a role ends or an account is closed."""

    reason = _reason()


class ServiceAccountForm(PageForm):
    """A new service account."""

    name = forms.CharField(
        label="Name", max_length=100, help_text="What runs under it, such as “ci-scoring”."
    )
    team = forms.ModelChoiceField(Team.objects.order_by("name"), label="Team")
    responsible = _PersonField(label="Responsible person", help_text="Answers for everything it does.")
    role = forms.ChoiceField(
        label="Role", choices=[(role.value, role.value) for role in sorted(SERVICE_ROLES)]
    )


class ResponsibleForm(PageForm):
    """Another person who answers for a service account."""

    responsible = _PersonField(label="Responsible person")
