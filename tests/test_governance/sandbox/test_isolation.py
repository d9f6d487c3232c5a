"""What the host offers is found by trying, and weaker hosts are weaker in the way their level says."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governance.evaluation.confinement import findings
from governance.evaluation.sandbox import (
    EvaluationFailed,
    Isolation,
    Outcome,
    detect_isolation,
    host,
    isolation,
)
from governance.evaluation.sandbox.isolation import level_of

from . import models

Run = Callable[..., Outcome]
Fails = Callable[..., EvaluationFailed]


def test_the_level_and_its_layers_agree(isolation: Isolation) -> None:
    assert isolation.level == level_of(isolation.layers)
    assert {"limits", "no_new_privileges", "seccomp", "landlock"} <= set(isolation.layers)
    assert ("other_user" in isolation.layers or "no_capabilities" in isolation.layers) == (os.geteuid() == 0)
    assert isolation.landlock_abi >= 1
    assert isolation.as_dict()["layers"] == list(isolation.layers)
    assert detect_isolation() is isolation


def test_every_missing_part_is_explained(isolation: Isolation) -> None:
    explained = " ".join(isolation.refused)
    for layer, word in (
        ("bubblewrap", "bubblewrap"),
        ("seccomp", "seccomp"),
        ("landlock", "landlock"),
        ("notification", "notification"),
    ):
        assert (layer in isolation.layers) != (word in explained)
    if os.geteuid() == 0:
        assert ("other_user" in isolation.layers) != ("A user of its own" in explained)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that a model's own user may read too."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_where_a_fresh_proc_is_refused_the_containers_own_is_bound(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a container with a masked /proc answers; what bubblewrap itself does there was tried by hand.
    stand_in = open_folder / "bwrap"
    stand_in.write_text(
        "#!/bin/sh\n"
        'case "$*" in *"--proc /proc"*)\n'
        '  echo "bwrap: Can\'t mount proc on /newroot/proc: Operation not permitted" >&2; exit 1;;\n'
        '*"--ro-bind /proc /proc"*) ;; *) exit 2;; esac\n'
        'while [ "$1" != -- ]; do shift; done; shift; exec "$@"\n'
    )
    stand_in.chmod(0o755)
    monkeypatch.setattr(host, "bubblewrap_path", lambda: str(stand_in))
    found = detect_isolation.__wrapped__()
    assert found.level == 3
    assert ("bubblewrap" in found.layers, "own_proc" in found.layers) == (True, False)
    (told,) = (reason for reason in found.refused if reason.startswith("own_proc"))
    assert "Can't mount proc on /newroot/proc" in told
    assert "own_proc" in next(iter(findings(found))).seen


def test_the_environment_is_whole_and_holds_nothing_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    assert "DATABASE_URL" not in host.ENVIRONMENT
    assert host.ENVIRONMENT["ORT_DISABLE_TELEMETRY"] == "1"


def test_no_place_where_secrets_lie_is_readable() -> None:
    places = ("/etc/shadow", "/run/secrets", "/var/lib", "/proc/1/environ", "/dev/sda", tempfile.gettempdir())
    for place in (*map(Path, places), Path.home(), Path(__file__), Path.cwd() / ".env"):
        assert not any(place.is_relative_to(path) for path in host.readable_paths()), place


def test_what_a_model_leaves_running_on_a_weak_host_is_ended(
    isolation: Isolation, run: Run, tmp_path: Path
) -> None:
    body = f"""
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0: time.sleep(300)
    os._exit(0)
os.wait()
{models.HONEST}
"""
    weaker = dataclasses.replace(isolation, level=0, layers=("limits", "empty_environment"))
    outcome = run(models.predicting(body, tmp_path), isolation=weaker)
    assert outcome.circumstances["strays"] >= 1
    assert not list(models.sandboxed(os.getpid()))


def test_without_notification_the_same_is_refused_and_the_models_own_word_is_all_there_is(
    isolation: Isolation, fails: Fails, tmp_path: Path
) -> None:
    layers = tuple(layer for layer in isolation.layers if layer != "notification")
    silent = dataclasses.replace(isolation, layers=layers)
    artifact = models.predicting("import socket\nsocket.socket()", tmp_path)
    failure = fails(artifact, isolation=silent)
    assert failure.code == "forbidden"
    assert failure.message.startswith("The model tried to use something outside its sandbox")
    assert failure.said == "PermissionError: [Errno 1] Operation not permitted"
    assert failure.circumstances["attempts"] == []
    assert failure.circumstances["isolation"]["notification"] is False


def test_a_host_whose_calls_are_listened_to_already_does_without_notification() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LISTENED_TO],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        check=True,
        text=True,
    )
    found = json.loads(done.stdout)
    assert found["level"] >= 2
    assert found["notification"] is False
    assert [reason for reason in found["refused"] if "notification: [Errno 16] seccomp" in reason]


# A container's own supervisor may have taken the one listener a process can have. This filter allows everything.
_LISTENED_TO = """
import ctypes, json, struct
from governance.evaluation.sandbox import detect_isolation
from governance.evaluation.sandbox.inside import kernel
code = ctypes.create_string_buffer(struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000), 8)
kernel.no_new_privileges()
kernel.syscall("seccomp", 1, 8, struct.pack("=H6xQ", 1, ctypes.addressof(code)))
print(json.dumps(detect_isolation().as_dict()))
"""


def test_a_sandbox_that_cannot_be_started_is_the_hosts_fault(
    fails: Fails, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "interpreter", lambda: "/nowhere/python")
    failure = fails(models.predicting(models.HONEST, tmp_path))
    assert failure.code == "sandbox_unavailable"
    assert "nothing was run" in failure.message


def test_other_systems_have_no_level(fails: Fails, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    found = isolation.detect_isolation.__wrapped__()
    assert (found.level, found.layers) == (0, ())
    failure = fails(models.predicting(models.HONEST, tmp_path), isolation=found)
    assert failure.code == "sandbox_unavailable"
    assert "only run on Linux" in failure.message
