"""The list of models: searched, narrowed and put in order by what stands in the URL, for pages and REST alike.

Higher layers add filters, words to search in and orders (`columns.Sort`), since the registry knows neither tiers
nor gates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast, Coalesce, Lower
from django.utils.html import format_html
from django.utils.safestring import SafeString

from countersign.accounts.models import Team, User
from countersign.accounts.queries import holding_now
from countersign.actors import Actor
from countersign.errors import Invalid
from countersign.permissions import Permission, Role
from registry import links
from registry.names import folded
from registry.versions.columns import Column, Sort, columns_of, register
from registry.versions.models import ModelVersion, RegisteredModel

Models = QuerySet[RegisteredModel]
SEARCH_LIMIT = 200
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Choice:
    """One value a filter takes, and how it reads on a chip."""

    value: str
    words: str


@dataclass(frozen=True, slots=True)
class Filter:
    """One way to narrow the list. `name` stands in the URL, `label` on the chip, `hint` in the document of the
    API. `choices(actor)` are what may be asked for; `narrow` gets one of their values."""

    name: str
    label: str
    order: int
    hint: str
    choices: Callable[[Actor], Sequence[Choice]]
    narrow: Callable[[Models, str], Models]


_filters: dict[str, Filter] = {}
_searches: dict[str, Callable[[str], Q]] = {}


def register_filter(one: Filter) -> None:
    """Add a filter; the same name registered again replaces the first."""
    _filters[one.name] = one


def register_search(name: str, condition: Callable[[str], Q]) -> None:
    """Add words that a search looks in; the same name registered again replaces the first."""
    _searches[name] = condition


def filters() -> list[Filter]:
    """Every filter, in order; the later ones may cost more and see fewer models."""
    return sorted(_filters.values(), key=lambda one: (one.order, one.name))


def narrowed(models: Models, actor: Actor, given: Mapping[str, str]) -> Models:
    """Narrowed by every filter that `given` names. Raises Invalid for a value that is no choice."""
    for one in filters():
        if value := given.get(one.name, ""):
            if value not in {choice.value for choice in one.choices(actor)}:
                raise _no_choice(one, value)
            models = one.narrow(models, value)
    return models


def _no_choice(one: Filter, value: str) -> Invalid:
    shown = "".join(character for character in value[:80] if character.isprintable())
    sentence = f"“{shown}” is no {one.label.lower()} you could ask for. Choose one from the list of models."
    return Invalid(sentence, fields={one.name: [sentence]}, code="unknown_filter_value")


def searched(models: Models, text: str) -> Models:
    """Models whose name, description or purpose holds the text, or one of whose versions has a digest that
    begins so. Raises Invalid for what cannot be searched for."""
    if len(text) > SEARCH_LIMIT or "\0" in text:
        sentence = f"Search for at most {SEARCH_LIMIT} characters, none of them NUL."
        raise Invalid(sentence, fields={"q": [sentence]})
    found = Q(name__icontains=text) | Q(description__icontains=text)
    if compared := folded(text):
        found |= Q(name_folded__contains=compared)
    for condition in _searches.values():
        found |= condition(text)
    digest = text.lower().removeprefix("sha256:")
    if len(digest) >= 4 and _HEX.issuperset(digest):
        found |= Q(Exists(ModelVersion.objects.filter(model=OuterRef("pk"), digest__startswith=digest)))
    return models.filter(found)


# --- orders -----------------------------------------------------------------------------------------------


def _newest_version() -> Any:
    newest = ModelVersion.objects.filter(model=OuterRef("pk"), archived_at__isnull=True).order_by("-number")
    # ids are of UUID version 7: as text they stand in the order of their time
    return Coalesce(
        Subquery(newest.values(made=Cast("pk", TextField()))[:1]), Value(""), output_field=TextField()
    )


def _first_owner() -> Any:
    owners = holding_now().filter(role=Role.OWNER, team=OuterRef("team"), user__is_active=True)
    named = owners.order_by().values("team").annotate(first=Min(Lower("user__full_name"))).values("first")
    return Coalesce(Subquery(named), Value(""))


NAME = Sort("name", lambda: F("name_folded"), "by name", "by name, last first")
OWNER = Sort("owner", _first_owner, "by owner", "by owner, last first")
NEWEST = Sort("newest", _newest_version, "oldest version first", "newest version first", falls=True)
REGISTERED = Sort("registered", lambda: Value(0), "oldest model first", "newest model first", falls=True)


@dataclass(frozen=True, slots=True)
class Order:
    """An order that was asked for: by what, and which way."""

    sort: Sort
    falling: bool

    @property
    def words(self) -> str:
        """The rule, for whoever reads the list."""
        return self.sort.falling if self.falling else self.sort.rising

    @property
    def asked(self) -> str:
        """As it stands in the URL."""
        return f"-{self.sort.name}" if self.falling else self.sort.name

    def applied(self, models: Models) -> tuple[Models, tuple[str, ...]]:
        """The models with what they are ordered by, and the order for a window; equals stand by name."""
        if self.sort is REGISTERED:
            return models, ("-pk" if self.falling else "pk",)
        by = f"by_{self.sort.name}"
        return models.annotate(**{by: self.sort.expression()}), (
            f"-{by}" if self.falling else by,
            "name_folded",
            "pk",
        )


def order_of(asked: str) -> Order:
    """The order of this `?sort=`; empty: the one that leads. Raises Invalid for one there is not."""
    sorts = {
        one.name: one
        for one in (NAME, REGISTERED, *(column.sort for column in columns_of("models") if column.sort))
    }
    if not asked:
        leading = next((one for one in sorts.values() if one.leads), REGISTERED)
        return Order(leading, leading.falls)
    sort = sorts.get(asked.removeprefix("-"))
    if sort is None:
        known = ", ".join(sorts)
        sentence = f"The list cannot be sorted by that. It can be by: {known}."
        raise Invalid(sentence, fields={"sort": [sentence]}, code="unknown_sort")
    return Order(sort, asked.startswith("-"))


# --- owners -----------------------------------------------------------------------------------------------


def owners_of(teams: Sequence[UUID]) -> dict[UUID, list[User]]:
    """Who answers for the things of each team now: its owners, by name."""
    owners: dict[UUID, list[User]] = {}
    holders = holding_now().filter(role=Role.OWNER, team__in=teams, user__is_active=True)
    for held in holders.select_related("user").order_by("user__full_name", "user_id"):
        if held.team_id is not None and held.user not in (known := owners.setdefault(held.team_id, [])):
            known.append(held.user)
    return owners


def teams_seen(actor: Actor) -> QuerySet[Team]:
    """The teams whose models the actor may see, by name."""
    ids = actor.teams_with(Permission.SEE)
    teams = Team.objects.order_by("name")
    return teams if ids is None else teams.filter(pk__in=ids)


def _owners(actor: Actor) -> list[Choice]:
    holders = holding_now().filter(role=Role.OWNER, team__in=teams_seen(actor), user__is_active=True)
    people = User.objects.filter(pk__in=holders.values("user")).order_by("full_name", "username")
    return [Choice(one.username, one.full_name) for one in people]


def _by_owner(models: Models, username: str) -> Models:
    return models.filter(
        team__in=holding_now().filter(role=Role.OWNER, user__username=username).values("team")
    )


register_filter(
    Filter(
        "team",
        "Team",
        10,
        "The team's slug.",
        lambda actor: [Choice(one.slug, one.name) for one in teams_seen(actor)],
        lambda models, slug: models.filter(team__slug=slug),
    )
)
register_filter(Filter("owner", "Owner", 20, "The sign-in name of an owner of the team.", _owners, _by_owner))


# --- the registry's own columns -----------------------------------------------------------------------------


def joined(versions: QuerySet[ModelVersion]) -> QuerySet[ModelVersion]:
    """With what gates and lineage read of each version."""
    return versions.select_related("model__team", "run", "parent")


def newest_versions(models: Sequence[RegisteredModel] | QuerySet[Any, Any]) -> QuerySet[ModelVersion]:
    """The newest version of each model that is not archived. It is picked before anything is joined, so that ten
    thousand versions cost little more than a hundred."""
    versions = ModelVersion.objects.filter(model__in=models, archived_at__isnull=True)
    newest = versions.order_by("model_id", "-number").distinct("model_id")
    return joined(ModelVersion.objects.filter(pk__in=newest.values("pk"))).order_by("model_id")


def _owner_cells(models: Sequence[RegisteredModel]) -> dict[UUID, SafeString]:
    owners = owners_of([model.team_id for model in models])
    return {
        model.pk: format_html(
            '{}<span class="sub">{}</span>', named(owners.get(model.team_id, [])), model.team.name
        )
        for model in models
    }


def named(owners: Sequence[User], shown: int = 2) -> str:
    """The names of owners in a few words."""
    names = ", ".join(owner.full_name for owner in owners[:shown])
    left = len(owners) - shown
    return f"{names} and {left} more" if left > 0 else names or "nobody"


def _newest_cells(models: Sequence[RegisteredModel]) -> dict[UUID, SafeString]:
    return {
        version.model_id: format_html('<a href="{}">{}</a>', links.version(version), version.number)
        for version in newest_versions(models)
    }


register("models", Column("Owner", 20, _owner_cells, sort=OWNER))
register("models", Column("Newest", 40, _newest_cells, sort=NEWEST, numeric=True, absent="none yet"))
