"""Dataset versions: read in a child process, checked against what is declared, immutable."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from countersign import canonical
from countersign.errors import Conflict, Invalid, NotFound, Refused
from countersign.permissions import Permission
from registry.datasets import reading
from registry.datasets.access import get_dataset, get_dataset_version
from registry.datasets.actions import create_dataset, register_dataset_version
from registry.datasets.descriptors import Column, Descriptor, parse_descriptor
from registry.datasets.queries import dataset_versions_visible_to, datasets_visible_to
from tests.factories import registry as make
from tests.test_registry.kit import assert_entry, broken_ledger, leaves, nothing_changes, outsider, viewer

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parent.parent.parent
COLUMNS = (
    Column(name="row_key", type="string"),
    Column(name="credit_limit", type="int64"),
    Column(name="bill_amount", type="int64"),
    Column(name="sex", type="string"),
    Column(name="default", type="int64"),
)


def test_a_parquet_file_is_told_with_its_columns_and_rows() -> None:
    team, maker = make.make_makers()
    dataset = create_dataset(name="Credit train", team=team, description="Rows.", actor=maker)
    assert_entry(
        leaves()[-1],
        verb="registry.dataset.created",
        subject=dataset,
        actor=maker,
        after={"name": "Credit train", "team": str(team.pk), "description": "Rows."},
    )
    content = make.parquet_bytes()
    version = make.make_dataset_version(dataset, actor=maker, content=content)
    assert (version.number, version.rows, version.size) == (1, 3, len(content))
    assert_entry(
        leaves()[-1],
        verb="registry.dataset_version.registered",
        subject=version,
        actor=maker,
        after={
            "dataset": str(dataset.pk),
            "number": 1,
            "digest": f"sha256:{version.digest}",
            "kept_here": True,
            "format": "parquet",
            "size": len(content),
            "rows": 3,
            "columns": [dict(column) for column in COLUMNS],
            "target": "default",
            "positive_label": "1",
            "favourable_label": "0",
            "sensitive_attributes": ["sex"],
            "row_key": "row_key",
            "time_column": "",
            "licence": "CC-BY-4.0",
            "source": "A test",
            "location": "",
        },
    )


def test_a_query_column_is_recorded_where_one_is_declared() -> None:
    """And only there: what was recorded of other versions must stay what it was."""
    team, maker = make.make_makers()
    version = make.make_dataset_version(
        make.make_dataset(team, actor=maker),
        actor=maker,
        descriptor=replace(make.DESCRIPTOR, query_column="sex"),
    )
    assert version.query_column == "sex"
    assert version.ledger_state()["query_column"] == "sex"


def test_the_committed_sample_is_read() -> None:
    path = ROOT / "demo" / "data" / "credit_default_holdout.parquet"
    with path.open("rb") as file:
        facts = reading.read_facts(file, format="parquet")
    assert facts.rows == 11_957
    assert facts.columns[0] == {"name": "row_key", "type": "string"}


def test_a_csv_file_is_read_row_by_row() -> None:
    team, maker = make.make_makers()
    dataset = make.make_dataset(team, actor=maker)
    lines = ["row_key,default,income"] + [f"r{n},{n % 2},{n}.5" for n in range(1_000)]
    version = make.make_dataset_version(
        dataset,
        actor=maker,
        content="\n".join(lines).encode(),
        descriptor=Descriptor(format="csv", target="default", row_key="row_key"),
    )
    assert version.rows == 1_000
    assert version.columns == [
        {"name": "row_key", "type": "string"},
        {"name": "default", "type": "int64"},
        {"name": "income", "type": "double"},
    ]


@pytest.mark.parametrize("shape", ["parquet", "csv"])
@pytest.mark.parametrize(
    "content",
    [b"", b"nonsense\0\xff", make.parquet_bytes()[:-20], b"a,b\n1,2\n3\n", b"PAR1" + bytes(40) + b"PAR1"],
)
def test_a_file_that_cannot_be_read_is_refused(shape: str, content: bytes) -> None:
    team, maker = make.make_makers()
    dataset = make.make_dataset(team, actor=maker)
    if shape == "csv" and content[:2] == b"no":
        content = b"\xff\xfe\x00\n\x00"
    with nothing_changes(), pytest.raises(Invalid) as raised:
        register_dataset_version(
            dataset=dataset,
            incoming=make.incoming(content),
            descriptor=Descriptor(format=shape, target="default"),
            actor=maker,
        )
    assert raised.value.code in ("unreadable_data", "invalid")


def test_the_reader_cannot_be_made_to_fill_the_memory_of_who_asks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    talkative = tmp_path / "child.py"
    talkative.write_text("import sys\nwhile True: sys.stdout.write('x' * 65536)\n")
    monkeypatch.setattr(reading, "CHILD", talkative)
    with (ROOT / "manage.py").open("rb") as file, pytest.raises(Invalid) as raised:
        reading.read_facts(file, format="csv")
    assert raised.value.code == "unreadable_data"


@pytest.mark.parametrize(
    "script",
    [
        "raise SystemExit(3)",
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "print('no json')",
        "print('{}')",
        "print('[]')",
        'print(\'{"rows": -1, "columns": []}\')',
        'print(\'{"rows": true, "columns": []}\')',
        'print(\'{"rows": 1, "columns": 3}\')',
        "import time; time.sleep(60)",
    ],
)
def test_a_reader_that_misbehaves_is_an_unreadable_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    child = tmp_path / "child.py"
    child.write_text(script)
    monkeypatch.setattr(reading, "CHILD", child)
    monkeypatch.setattr(reading, "SECONDS", 1)
    with (ROOT / "manage.py").open("rb") as file, pytest.raises(Invalid):
        reading.read_facts(file, format="csv")


def test_the_child_is_bound_and_sees_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_SECRET_KEY", "known to the parent")
    probe = tmp_path / "child.py"
    probe.write_text(
        f"import sys; sys.path.insert(0, {str(reading.CHILD.parent)!r})\n"
        "import json, os, reading_child, resource\n"
        "reading_child._limit()\n"
        "limits = [resource.getrlimit(name)[0] for name in (resource.RLIMIT_FSIZE, resource.RLIMIT_CPU)]\n"
        "try: os.write(os.open('/proc/self/cwd/x', os.O_CREAT | os.O_WRONLY), b'x')\n"
        "except OSError: limits.append('no file')\n"
        "print(json.dumps({'problem': f'{limits} {sorted(os.environ)} {os.getcwd()}'}))\n"
    )
    monkeypatch.setattr(reading, "CHILD", probe)
    with (ROOT / "manage.py").open("rb") as file, pytest.raises(Invalid) as raised:
        reading.read_facts(file, format="csv")
    assert "[0, 100, 'no file'] ['LC_CTYPE'] /." in raised.value.message


def test_the_web_process_never_imports_the_readers() -> None:
    script = (
        "import os, sys; sys.path.insert(1, 'platform'); import django; django.setup();"
        "import registry.urls, countersign.urls;"
        "print(sorted(set(sys.modules) & {'pyarrow', 'pandas', 'numpy', 'sklearn', 'scipy'}))"
    )
    import os

    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "countersign.settings"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"columns": COLUMNS[:-1]}, "columns"),
        ({"columns": (*COLUMNS[:-1], Column(name="default", type="double"))}, "columns"),
        ({"columns": COLUMNS[::-1]}, "columns"),
        ({"rows": 4}, "rows"),
        ({"target": "nothing"}, "target"),
        ({"row_key": "nothing"}, "row_key"),
        ({"time_column": "nothing"}, "time_column"),
        ({"query_column": "nothing"}, "query_column"),
        ({"query_column": "default"}, "query_column"),
        ({"query_column": "row_key"}, "query_column"),
        ({"sensitive_attributes": ("nothing",)}, "sensitive_attributes"),
        ({"sensitive_attributes": ("default",)}, "target"),
        ({"row_key": "default"}, "target"),
    ],
)
def test_what_is_declared_must_be_in_the_file(change: dict[str, Any], field: str) -> None:
    team, maker = make.make_makers()
    dataset = make.make_dataset(team, actor=maker)
    with nothing_changes(), pytest.raises(Invalid) as raised:
        make.make_dataset_version(dataset, actor=maker, descriptor=replace(make.DESCRIPTOR, **change))
    assert field in raised.value.fields


def test_declared_columns_that_agree_are_taken() -> None:
    team, maker = make.make_makers()
    descriptor = replace(make.DESCRIPTOR, columns=COLUMNS, rows=3)
    version = make.make_dataset_version(
        make.make_dataset(team, actor=maker), actor=maker, descriptor=descriptor
    )
    assert version.columns == [dict(column) for column in COLUMNS]


def test_data_kept_elsewhere_is_known_by_its_digest() -> None:
    team, maker = make.make_makers()
    dataset = make.make_dataset(team, actor=maker)
    version = make.make_distant_data(dataset, actor=maker)
    assert (version.blob, version.size, version.rows) == (None, None, 3)
    assert leaves()[-1]["data"]["after"]["kept_here"] is False
    for arguments in (
        {"digest": "short", "descriptor": replace(make.DESCRIPTOR, columns=COLUMNS, location="x")},
        {"digest": "0" * 64, "descriptor": replace(make.DESCRIPTOR, columns=COLUMNS)},
        {"digest": "0" * 64, "descriptor": replace(make.DESCRIPTOR, location="x")},
        {"descriptor": make.DESCRIPTOR},
    ):
        with nothing_changes(), pytest.raises(Invalid):
            register_dataset_version(dataset=dataset, actor=maker, **arguments)  # type: ignore[arg-type]


def test_the_same_data_is_registered_once() -> None:
    team, maker = make.make_makers()
    dataset = make.make_dataset(team, actor=maker)
    make.make_dataset_version(dataset, actor=maker)
    with nothing_changes(), pytest.raises(Conflict, match="version 1") as raised:
        make.make_dataset_version(dataset, actor=maker)
    assert raised.value.code == "dataset_version_exists"
    assert make.make_distant_data(dataset, actor=maker).number == 2


def test_where_the_ledger_cannot_be_written_nothing_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    team, maker = make.make_makers()
    dataset = make.make_dataset(team, actor=maker)
    with broken_ledger(monkeypatch):
        make.make_distant_data(dataset, actor=maker)
    with broken_ledger(monkeypatch):
        create_dataset(name="x", team=team, actor=maker)


def test_who_may_not_is_refused_and_who_may_not_see_finds_nothing() -> None:
    team, maker = make.make_makers()
    dataset = make.make_dataset(team, actor=maker)
    version = make.make_distant_data(dataset, actor=maker)
    stranger, looks = outsider(), viewer(team)
    for actor in (stranger, looks):
        with nothing_changes(), pytest.raises(Refused):
            create_dataset(name="x", team=team, actor=actor)
        with nothing_changes(), pytest.raises(Refused):
            make.make_distant_data(dataset, actor=actor)
    with pytest.raises(NotFound):
        get_dataset(stranger, dataset.name)
    with pytest.raises(NotFound):
        get_dataset_version(stranger, dataset.name, 1)
    assert not datasets_visible_to(stranger).exists()
    assert not dataset_versions_visible_to(stranger).exists()
    assert get_dataset_version(looks, dataset.name.upper(), 1) == version
    with pytest.raises(Refused):
        get_dataset_version(looks, dataset.name, 1, Permission.DOWNLOAD)
    with nothing_changes(), pytest.raises(Conflict):
        create_dataset(name=dataset.name.upper(), team=team, actor=maker)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"sensitive_atributes": ["sex"]}, "sensitive_atributes"),
        ({"format": "xlsx"}, "format"),
        ({"rows": -1}, "rows"),
        ({"rows": "3"}, "rows"),
        ({"rows": True}, "rows"),
        ({"sensitive_attributes": "sex"}, "sensitive_attributes"),
        ({"sensitive_attributes": ["sex", "sex"]}, "sensitive_attributes"),
        ({"target": 3}, "target"),
        ({"target": "a\0"}, "target"),
        ({"columns": "x"}, "columns"),
        ({"columns": [{"name": "a"}]}, "columns"),
        ({"columns": [{"name": "a", "type": "t", "x": 1}]}, "columns"),
        ({"columns": [{"name": " a", "type": "t"}]}, "columns"),
        ({"columns": [{"name": "", "type": "t"}]}, "columns"),
        ({"columns": [{"name": "a", "type": "t"}] * 2}, "columns"),
        ({"columns": [{"name": f"{n}", "type": "t"} for n in range(10_001)]}, "columns"),
        ({"columns": [{"name": f"{n}".rjust(190, "x"), "type": "string"} for n in range(3_000)]}, "columns"),
        ({"location": "x" * 1_001}, "location"),
    ],
)
def test_a_descriptor_that_is_refused_names_the_field(raw: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse_descriptor(raw)
    assert field in raised.value.fields


def test_a_descriptor_from_json() -> None:
    raw = {"target": "default", "sensitive_attributes": ["sex"], "columns": [dict(one) for one in COLUMNS]}
    assert parse_descriptor(raw) == Descriptor(
        target="default", sensitive_attributes=("sex",), columns=COLUMNS
    )
    assert parse_descriptor({}) == Descriptor()
    with pytest.raises(Invalid):
        parse_descriptor([])  # type: ignore[arg-type]


def test_columns_too_many_for_an_entry_are_told_by_number_and_digest() -> None:
    team, maker = make.make_makers()
    content = make.parquet_bytes({f"byte_{number:04}": [number] for number in range(2_500)})
    version = make.make_dataset_version(
        make.make_dataset(team, actor=maker), actor=maker, content=content, descriptor=Descriptor()
    )
    assert len(version.columns) == 2_500
    told = version.ledger_state()["columns"]
    assert told == {"number": 2_500, "digest": canonical.digest(version.columns)}
    version.columns[2_499]["type"] = "double"
    assert version.ledger_state()["columns"] != told
