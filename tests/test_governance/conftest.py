"""What the tests of governance share beyond the kits."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, connections
from django.test import override_settings

from tests import databases
from tests.test_governance import export_kit

if TYPE_CHECKING:
    from demo.training import TrainedModel


@pytest.fixture(scope="session")
def trained() -> dict[str, TrainedModel]:
    """The demonstration's models, fitted once for all who only look at them."""
    from demo.training import train_all

    return train_all()


@pytest.fixture(scope="session")
def exported(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> export_kit.Exported:
    """Two bundles of a world that was built once, in a database whose numbers begin at 1; it is fresh again
    afterwards."""
    name = connections["default"].settings_dict["NAME"]
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))[:12]
    connection.close()
    databases.clone(databases.make_template(run), name)
    anchor = tmp_path_factory.mktemp("anchor")
    with django_db_blocker.unblock(), override_settings(LEDGER_ANCHOR_FOLDER=anchor):
        try:
            found = export_kit.export_everything()
        finally:
            connection.close()
            databases.clone(databases.make_template(run), name)
    return found
