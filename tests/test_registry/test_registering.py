"""Registering versions: whole or not at all, with an exact entry, immutable from then on."""

import pytest

from tests.factories import registry as make

pytestmark = pytest.mark.django_db


def test_smoke() -> None:
    team, maker = make.make_makers()
    model = make.make_model(team, actor=maker)
    data = make.make_dataset_version(make.make_dataset(team, actor=maker), actor=maker)
    version = make.make_version(model, actor=maker, tags={"a": "b"}, alias="challenger")
    assert version.number == 1
    assert data.rows == 3
