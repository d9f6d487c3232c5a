"""Two who save one card at once, with real commits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from countersign.errors import CountersignError
from countersign.permissions import Role
from governance.cards.actions import save_card
from governance.cards.models import CardRevision
from governance.cards.queries import newest_revision
from registry.versions.models import Contributor, ContributorKind
from tests.factories.governance import make_card, make_subject
from tests.factories.people import actor_for, make_user


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_once_one_is_told() -> None:
    subject = make_subject()
    make_card(subject.version, actor=subject.maker)
    writers = [actor_for(make_user(roles=[(Role.CONTRIBUTOR, subject.team)])) for _ in range(5)]

    def attempt(number: int) -> Any:
        try:
            return save_card(
                version=subject.version,
                sections={"purpose": f"text {number}"},
                actor=writers[number],
                base_revision=1,
            )
        except CountersignError as error:
            return error.code
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        given = list(pool.map(attempt, range(5)))
    (won,) = [one for one in given if isinstance(one, CardRevision)]
    assert given.count("card_moved_on") == 4
    assert newest_revision(subject.version) == won
    # The maker, and the one who won.
    assert Contributor.objects.filter(kind=ContributorKind.CARD_AUTHOR).count() == 2
