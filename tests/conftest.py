"""Fixtures every test may use. Services come from the plugin tests.services, databases from tests.databases."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from typing import Any, BinaryIO

import pytest
from django.db import connections
from django.test.testcases import TransactionTestCase
from pytest_django.fixtures import Settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling, Scheduling

from tests import databases
from tests.databases import ROOT
from tests.stack import Stack, Told, running_stack

# onnxruntime otherwise writes a device id and calls its maker as soon as it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
_names: dict[str, str] = {}


@pytest.fixture(scope="session")
def django_db_setup(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[None]:
    """This process's database, cloned from the run's template."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))[:12]
    template = databases.make_template(run)
    name = f"test_{run}_{os.environ.get('PYTEST_XDIST_WORKER', 'gw0')}"
    databases.clone(template, name)
    _names.update(template=template, name=name)
    with django_db_blocker.unblock():
        connections["default"].close()
        connections["default"].settings_dict["NAME"] = name
        connections.settings["default"]["NAME"] = name
    os.environ["DATABASE_URL"] = databases.url_of(os.environ["DATABASE_URL"], name)
    yield
    with django_db_blocker.unblock():
        connections.close_all()
    databases.drop(name)


def _fresh_database(self: TransactionTestCase) -> None:
    """After a test that committed: a fresh clone instead of a flush (see tests.databases)."""
    connections.close_all()
    databases.clone(_names["template"], _names["name"])


TransactionTestCase._fixture_teardown = _fresh_database  # type: ignore[method-assign]


@pytest.fixture(scope="session", autouse=True)
def _same_data_read_once() -> Iterator[None]:
    """What a data file says of itself is asked of the product's own reader once for the same bytes: hundreds of tests
    register the same three rows, and each child process costs as much as the rest of such a test."""
    from registry.datasets import reading

    known: dict[tuple[str, bytes], reading.FileFacts] = {}

    def read_facts(file: BinaryIO, *, format: str) -> reading.FileFacts:  # noqa: A002  as in the product
        content = os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
        key = format, hashlib.sha256(content).digest()
        if key not in known:
            known[key] = reading.read_facts(file, format=format)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("registry.datasets.actions.read_facts", read_facts)
        yield


_anchors = count(1)


@pytest.fixture(autouse=True)
def _own_anchor(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each test's log has an anchor folder of its own: the next test's log is another, shorter one."""
    settings.LEDGER_ANCHOR_FOLDER = tmp_path_factory.getbasetemp() / f"anchor-{next(_anchors)}"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A real instance (granian, Celery, beat) of this test process, with a database of its own."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))[:12]
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    template = databases.make_template(run)
    with running_stack(template, f"stack_{run}_{worker}", 10 + int(worker.removeprefix("gw"))) as running:
        yield running


@pytest.fixture(scope="session")
def told(stack: Stack) -> Told:
    """The demonstration's own output. It is given nothing but a URL, a token and a folder."""
    token = stack.token(stack.administrator["username"], "administer")
    done = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "COUNTERSIGN_URL": stack.url,
            "COUNTERSIGN_TOKEN": token,
            "COUNTERSIGN_HOME": str(stack.home),
        },
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr + stack.log("worker")[-6000:]
    passwords = dict(re.findall(r"^  [\w ]{20} (\w+) +(\S{16})$", done.stdout, re.MULTILINE))
    return Told(done.stdout, passwords, next(stack.home.glob("audit-export-*.zip")))


_TOGETHER = {
    "tests/test_stack/composed/": "composed",
    "tests/test_stack/": "stack",
    "tests/browser/": "stack",
    "tests/test_docs.py": "stack",
    "tests/rehearsal/": "rehearsal",
    "tests/test_governance/test_demo_training.py": "trained",
    "tests/test_governance/test_policies_shipped.py": "trained",
}
"""Where tests share something that is dear to make, and by which name."""


class _ByPlace(LoadScopeScheduling):
    """Tests of one of these places go to one process, all others file by file, so that what a file shares is made
    once. (The groups of pytest-xdist 3.8 reach no scheduler with pytest 9.2: they are written to an attribute that is
    no longer read.)"""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((name for place, name in _TOGETHER.items() if nodeid.startswith(place)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """The scheduler of `--dist loadgroup`, in the order of the collection: what takes longest begins first."""
    if config.getoption("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False
    return _ByPlace(config, log)


_LONGEST = ("tests/test_stack/composed/", "tests/test_permissions.py")
"""What begins right after the tests of the running instance."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a running instance share one: they stay in one process, and begin first, being the longest. What only
    looks at the demonstration comes before the journeys that go on with it, and the faults come last."""
    order = ("test_main_job.py", "test_journeys.py")

    def place(item: pytest.Item) -> tuple[int, int]:
        if "stack" in getattr(item, "fixturenames", ()):
            return 0, order.index(item.path.name) if item.path.name in order else len(order)
        return next((1 for start in _LONGEST if item.nodeid.startswith(start)), 2), 0

    items.sort(key=place)
