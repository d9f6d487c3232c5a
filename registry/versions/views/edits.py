"""Pages that change what is said of a model or version: description, tags, name, and whether it is in use.

The small forms on the pages of models and versions send here; what is refused or mistyped comes back on a page of
its own, with what was typed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from countersign import refusals
from countersign.accounts.access import get_team
from countersign.accounts.models import Team
from countersign.actors import Actor
from countersign.errors import Conflict, Invalid, Refused
from countersign.permissions import Permission
from countersign.web.guards import actor_of_request, page
from countersign.web.render import redirect_after_post, render_page
from registry.versions import actions
from registry.versions.access import get_model, get_version
from registry.versions.actions.locks import lock_model, lock_version
from registry.versions.allowed import archive_verdict, rename_verdict
from registry.versions.forms import DescribeForm, NewModelForm, RenameForm, TagForm, mark_of
from registry.versions.models import ModelVersion, RegisteredModel

Thing = RegisteredModel | ModelVersion
EDIT = "registry/edit.html"


@page(Permission.REGISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def model_new(request: HttpRequest) -> HttpResponseBase:
    """Register a model by hand; a training job does the same by REST."""
    actor = actor_of_request(request)
    ids = actor.teams_with(Permission.REGISTER)
    teams = Team.objects.order_by("name") if ids is None else Team.objects.filter(pk__in=ids).order_by("name")
    form = NewModelForm(request.POST if request.method == "POST" else None, teams=list(teams))
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            given = form.cleaned_data
            try:
                team = get_team(actor, given["team"], Permission.REGISTER)
                model = actions.register_model(
                    name=given["name"], team=team, description=given["description"], actor=actor
                )
            except Invalid as error:
                form.take(error)
            except Conflict as error:
                status = error.status
                form.add_error("name", error.message)
            else:
                messages.success(request, f"{model.name} is registered. Send its first version.")
                return redirect_after_post(request, "registry:model", model.name)
    host = request.build_absolute_uri("/").rstrip("/")
    return render_page(
        request, "registry/model_new.html", {"form": form, "host": host, "noun": "Models"}, status=status
    )


@page(Permission.REGISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def model_edit(request: HttpRequest, name: str) -> HttpResponseBase:
    """Description, tags, name of a model, and taking it out of use. `act` in the form names which."""
    return _edit(request, get_model(actor_of_request(request), name, Permission.REGISTER))


@page(Permission.REGISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def version_edit(request: HttpRequest, name: str, number: int) -> HttpResponseBase:
    """Description and tags of a version, and taking it out of use."""
    return _edit(request, get_version(actor_of_request(request), name, number, Permission.REGISTER))


def _edit(request: HttpRequest, thing: Thing) -> HttpResponseBase:
    actor, act = actor_of_request(request), request.POST.get("act", "")
    kept: dict[str, Any] = {}
    status = 200
    if request.method == "POST":
        form = _FORMS[act](request.POST) if act in _FORMS else None
        status = 422
        if act in _ACTS and (form is None or form.is_valid()):
            try:
                said = _ACTS[act](thing, form.cleaned_data if form else request.POST, actor)
            except Invalid as error:
                if form is None:
                    raise
                form.take(error)
            except Conflict as error:
                status = error.status
                if form is None:
                    raise
                kept["moved"] = error.message
                form.add_error(None, error.message)
            except Refused as error:
                refusals.record(actor, error.verdict, attempted=f"{act} {thing}")
                status, kept["refused"] = error.status, error.verdict
            else:
                messages.success(request, said)
                return redirect_after_post(request, address_of(thing))
        if form is not None:
            kept[f"{act}_form"] = form
    thing = _again(thing, actor)
    return render_page(request, EDIT, _context(request, thing, actor) | kept, status=status)


def _again(thing: Thing, actor: Actor) -> Thing:
    """The thing as it is now: another may have changed it meanwhile."""
    if isinstance(thing, ModelVersion):
        return get_version(actor, thing.model.name, thing.number)
    model: RegisteredModel = RegisteredModel.objects.select_related("team").get(pk=thing.pk)
    return model


def address_of(thing: Thing, page_name: str = "") -> str:
    """The page of a model or version, or (`edit`) the one that changes what is said of it."""
    suffix = f"-{page_name}" if page_name else ""
    if isinstance(thing, ModelVersion):
        return reverse(f"registry:version{suffix}", args=[thing.model.name, thing.number])
    return reverse(f"registry:model{suffix}", args=[thing.name])


def edit_forms(thing: Thing, actor: Actor) -> dict[str, Any]:
    """What the small forms on the page of a model or version need."""
    return {
        "thing": thing,
        "edit_url": address_of(thing, "edit"),
        "edit": actor.may(Permission.REGISTER, _model_of(thing).team_id),
        "describe_form": DescribeForm(
            initial={"description": thing.description, "seen": mark_of(thing.description)}
        ),
        "tag_form": TagForm(),
        "archive": archive_verdict(thing, actor),
    }


def _context(request: HttpRequest, thing: Thing, actor: Actor) -> dict[str, Any]:
    version = thing if isinstance(thing, ModelVersion) else None
    model = _model_of(thing)
    context = edit_forms(thing, actor) | {
        "model": model,
        "version": version,
        "tags": list(model.tags.filter(version=version).order_by("key")),
        "address": address_of(thing),
        "seen_now": mark_of(thing.description),
    }
    if version is None:
        context |= {
            "rename": rename_verdict(model, actor),
            "rename_form": RenameForm(initial={"name": model.name}),
        }
    return context


def _model_of(thing: Thing) -> RegisteredModel:
    return thing.model if isinstance(thing, ModelVersion) else thing


# --- the acts -------------------------------------------------------------------------------------------------


def _describe(thing: Thing, given: Mapping[str, Any], actor: Actor) -> str:
    """Under the lock the action takes too, so that of two people who edit the same text the second is told."""
    with transaction.atomic():
        now = lock_version(thing) if isinstance(thing, ModelVersion) else lock_model(thing)
        if given["seen"] not in (mark_of(now.description), ""):
            raise Conflict(
                "Somebody described it anew while you typed. Nothing was saved; your text stands below, theirs above.",
                code="stale_form",
            )
        if isinstance(thing, ModelVersion):
            actions.update_version(version=thing, description=given["description"], actor=actor)
        else:
            actions.update_model(model=thing, description=given["description"], actor=actor)
    return "The description is saved."


def _tag(thing: Thing, given: Mapping[str, Any], actor: Actor) -> str:
    version = thing if isinstance(thing, ModelVersion) else None
    tag = actions.set_tag(
        model=_model_of(thing), version=version, key=given["key"], value=given["value"], actor=actor
    )
    return f"The tag {tag.key} is set."


def _untag(thing: Thing, given: Mapping[str, Any], actor: Actor) -> str:
    version = thing if isinstance(thing, ModelVersion) else None
    key = given.get("key", "")
    actions.delete_tag(model=_model_of(thing), version=version, key=key, actor=actor)
    return f"The tag {key} is gone; the ledger remembers it."


def _rename(thing: Thing, given: Mapping[str, Any], actor: Actor) -> str:
    model = _model_of(thing)
    before, renamed = model.name, actions.rename_model(model=model, name=given["name"], actor=actor)
    model.name = renamed.name  # the way back leads to the new address
    return f"{before} is called {renamed.name} now."


def _archive(thing: Thing, given: Mapping[str, Any], actor: Actor) -> str:
    if isinstance(thing, ModelVersion):
        actions.archive_version(version=thing, actor=actor)
    else:
        actions.archive_model(model=thing, actor=actor)
    return f"{thing} is archived. Nothing is lost; it can be restored."


def _restore(thing: Thing, given: Mapping[str, Any], actor: Actor) -> str:
    if isinstance(thing, ModelVersion):
        actions.restore_version(version=thing, actor=actor)
    else:
        actions.restore_model(model=thing, actor=actor)
    return f"{thing} is in use again."


_FORMS: dict[str, Any] = {"describe": DescribeForm, "tag": TagForm, "rename": RenameForm}
_ACTS: dict[str, Callable[[Thing, Mapping[str, Any], Actor], str]] = {
    "describe": _describe,
    "tag": _tag,
    "untag": _untag,
    "rename": _rename,
    "archive": _archive,
    "restore": _restore,
}
