"""Who the people of a bundle are: their names with the salts that prove them, and the roles they held."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import UUID

from countersign.accounts.models import Membership, ServiceAccount, User
from countersign.actors import ActorKind
from countersign.ledger.presenters import ERASED
from governance.export.contents.leaves import Leaf, leaves_about, personal
from governance.export.contents.scope import Scope

SYSTEM = "Countersign itself"


class People:
    """Everybody in scope, by id. A name is what the ledger committed to when the person was made known;
    once erased it is `(erased)`."""

    def __init__(self, scope: Scope) -> None:
        self._people: dict[str, dict[str, Any]] = {}
        for leaf in leaves_about([User.ledger_type], scope.people):
            if leaf.verb == "accounts.user.created":
                self._people[leaf.ref] = _person(leaf)
        for leaf in leaves_about([ServiceAccount.ledger_type], scope.service_accounts):
            if leaf.tells_state:
                self._people[leaf.ref] = _machine(leaf)
        self._add_roles(scope.people)

    def _add_roles(self, people: set[UUID]) -> None:
        """The roles as the newest entry of each says, with that entry: what `verify.py` compares."""
        held: dict[str, dict[str, Any]] = {}
        began: dict[str, dict[str, str | None]] = {}
        ids = Membership.objects.filter(user__in=people).values_list("id", flat=True)
        for leaf in leaves_about([Membership.ledger_type], ids):
            if not leaf.tells_state:
                continue
            began.setdefault(leaf.ref, personal(leaf, "reason"))
            held[leaf.ref] = leaf.after | {"id": leaf.ref, "entry": leaf.id}
        roles: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for ref, role in sorted(held.items()):
            reason = began[ref] if began[ref]["value"] is not None else None
            roles[role["user"]].append({k: v for k, v in role.items() if k != "user"} | {"reason": reason})
        for ref, person in self._people.items():
            if person["kind"] == ActorKind.PERSON:
                person["roles"] = roles.get(ref, [])

    def name(self, ref: object) -> str:
        """What somebody is called: by id; None is the system."""
        if ref is None:
            return SYSTEM
        known = self._people.get(str(ref))
        return known["name"] if known else f"unknown here ({ref})"

    def document(self) -> dict[str, Any]:
        """people.json."""
        return {"people": [self._people[ref] for ref in sorted(self._people)]}

    def erased(self) -> list[str]:
        """Ids of people whose name is erased."""
        return [ref for ref, person in sorted(self._people.items()) if person["name"] == ERASED]


def _person(leaf: Leaf) -> dict[str, Any]:
    known_from = personal(leaf, "full_name")
    return {
        "id": leaf.ref,
        "kind": ActorKind.PERSON.value,
        "name": known_from["value"] or ERASED,
        "known_from": known_from,
        "roles": [],
    }


def _machine(leaf: Leaf) -> dict[str, Any]:
    """A service account: its name is no secret and stands in its entries."""
    return {
        "id": leaf.ref,
        "kind": ActorKind.SERVICE.value,
        "name": leaf.after["name"],
        "responsible": leaf.after["responsible"],
        "entry": leaf.id,
    }
