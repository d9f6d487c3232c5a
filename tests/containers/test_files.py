"""compose.yaml and the Containerfile: valid, unprivileged, read-only, and the signing keys where they belong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from countersign.embedded.home import Home
from countersign.embedded.plan import Connections, product
from tests.containers.files import COMPOSE, OURS, SERVICES, containerfile, image_environment, last_stage
from tests.databases import ROOT

SIGNING = {"ledger_key", "export_key"}


def test_compose_fits_the_specification() -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(COMPOSE)] == []
    broken = COMPOSE | {"services": COMPOSE["services"] | {"web": {"imagine": "countersign"}}}
    assert not validator.is_valid(broken), "the schema does look"


def test_it_runs_the_processes_of_the_supervisor(tmp_path: Path) -> None:
    plan = product(Home(tmp_path), "127.0.0.1", 8000, Connections("", "", ""))
    own = [child.name for child in plan.children]
    assert set(SERVICES) == {"postgres", "redis", "migrate", "bootstrap", *own}
    for child in plan.children:
        if child.name.startswith("worker-"):
            assert list(child.command[2:]) == SERVICES[child.name]["command"], (
                "the same options as under make run"
            )


@pytest.mark.parametrize("name", OURS)
def test_our_services_are_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    assert service["image"] == "countersign:0.1.0"


def test_only_who_seals_holds_the_signing_keys() -> None:
    holders = {name: {secret["source"] for secret in SERVICES[name]["secrets"]} & SIGNING for name in OURS}
    assert {name for name, keys in holders.items() if keys} == {"bootstrap", "worker-core"}
    owners = {name for name in OURS if "owner_url" in {one["source"] for one in SERVICES[name]["secrets"]}}
    assert owners == {"migrate"}


@pytest.mark.parametrize("name", OURS)
def test_a_secret_comes_as_a_file_and_only_where_a_variable_names_it(name: str) -> None:
    service = SERVICES[name]
    named = {value for key, value in service["environment"].items() if key.endswith("_FILE")}
    assert named == {secret["target"] for secret in service["secrets"]}
    assert not [
        key for key in service["environment"] if re.search(r"(KEY|PASSWORD|^REDIS_URL|DATABASE\w*_URL)$", key)
    ]


def test_every_secret_is_made_and_declared() -> None:
    made = set(
        re.findall(r"^keep (\w+)", (ROOT / "platform/containers/make-secrets").read_text(), re.MULTILINE)
    )
    assert set(COMPOSE["secrets"]) == made
    assert {secret["file"] for secret in COMPOSE["secrets"].values()} == {
        f"./secrets/{name}" for name in made
    }
    for config in COMPOSE["configs"].values():
        assert (ROOT / config["file"]).is_file()
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines(), "they never enter a commit"


def test_lasting_services_are_watched_and_wait_for_the_one_shot_ones() -> None:
    for name, service in SERVICES.items():
        if name in ("migrate", "bootstrap"):
            assert service["restart"] == "on-failure"
            continue
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"], name
        if name in OURS:
            assert service["depends_on"]["bootstrap"] == {"condition": "service_completed_successfully"}
    assert SERVICES["bootstrap"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_nothing_is_open_to_the_world_but_the_pages_on_loopback() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"web": ["127.0.0.1:8000:8000"]}
    assert COMPOSE["networks"]["inner"] == {"internal": True}
    assert [name for name, service in SERVICES.items() if service["networks"] != ["inner"]] == ["web"]


def test_images_are_pinned_to_a_version() -> None:
    images = [service["image"] for service in SERVICES.values()]
    images += [one.words[0] for one in containerfile() if one.word == "FROM"]
    for image in images:
        tag = image.rpartition(":")[2]
        assert re.match(r"\d", tag), f"{image} names no version"


def test_the_containerfile_holds_known_instructions_only() -> None:
    known = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "CMD"}
    assert {one.word for one in containerfile()} <= known
    assert containerfile()[0].word == "FROM"


def test_what_is_copied_exists_and_the_product_is_whole() -> None:
    copied = [
        source
        for one in containerfile()
        if one.word == "COPY" and "from" not in one.flags
        for source in one.words[:-1]
    ]
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert {
        "platform/countersign",
        "registry",
        "governance",
        "templates",
        "manage.py",
        "requirements.lock",
    } <= set(copied)


def test_the_image_ends_as_an_ordinary_user() -> None:
    users = [one.words[0] for one in last_stage() if one.word == "USER"]
    assert users == ["10001:10001"]
    stages = [one.word for one in last_stage()]
    assert stages.index("USER") > max(place for place, word in enumerate(stages) if word in ("RUN", "COPY"))
    assert not {"SECRET", "PASSWORD"} & {part for name in image_environment() for part in name.split("_")}


def test_every_volume_is_made_in_the_image_for_its_user() -> None:
    made = next(
        one.words[0] for one in last_stage() if one.word == "RUN" and "install --directory" in one.words[0]
    )
    folders = set(re.search(r"for folder in ([\w ]+);", made)[1].split())  # type: ignore[index]
    mounted = {
        mount.split(":")[1].removeprefix("/var/lib/countersign/")
        for name in OURS
        for mount in SERVICES[name].get("volumes", [])
    }
    assert mounted == folders
