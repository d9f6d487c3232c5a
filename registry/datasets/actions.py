"""Creating datasets and registering their versions."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import Max

from countersign import clock
from countersign.accounts.models import Team
from countersign.actors import Actor
from countersign.blobs.actions import keep_blob
from countersign.blobs.models import Blob
from countersign.blobs.storage import storage
from countersign.blobs.store import Incoming, sha256_of_text
from countersign.errors import Conflict, Invalid
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from registry.conflicts import broke, name_in_use
from registry.datasets.descriptors import Descriptor
from registry.datasets.models import Dataset, DatasetVersion
from registry.datasets.reading import FileFacts, read_facts
from registry.datasets.verbs import DATASET_CREATED, DATASET_UPDATED, DATASET_VERSION_REGISTERED
from registry.names import checked_name, checked_text
from registry.visibility import require


def create_dataset(*, name: str, team: Team, description: str = "", actor: Actor) -> Dataset:
    """A named line of dataset versions. Raises Refused, Invalid (bad_name), Conflict (name_in_use)."""
    require(actor, Permission.REGISTER, team.id)
    checked = checked_name(name, what="dataset")
    description = checked_text(description, field="description")
    try:
        with transaction.atomic():
            dataset = Dataset.objects.create(
                name=checked.shown,
                name_folded=checked.folded,
                team=team,
                description=description,
                created_at=clock.now(),
            )
            append_entry(verb=DATASET_CREATED, subject=dataset, actor=actor)
    except IntegrityError as error:
        if not broke(error, "name_folded"):
            raise
        raise name_in_use(checked) from error
    return dataset


def update_dataset(*, dataset: Dataset, description: str, seen: str, actor: Actor) -> Dataset:
    """Replace the description; an equal one changes nothing. `seen` is the description the page showed. Raises
    Refused, Invalid, Conflict (dataset_moved) where somebody changed it meanwhile."""
    description = checked_text(description, field="description")
    with transaction.atomic():
        dataset = Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
        require(actor, Permission.REGISTER, dataset.team_id)
        if dataset.description == description:
            return dataset
        if dataset.description != seen:
            raise Conflict(
                f"The description of “{dataset.name}” was changed while you wrote. Yours is kept below; it now reads: "
                f"{dataset.description}",
                code="dataset_moved",
            )
        before = dataset.ledger_state()
        dataset.description = description
        dataset.save(update_fields=["description"])
        append_entry(verb=DATASET_UPDATED, subject=dataset, actor=actor, before=before)
    return dataset


def register_dataset_version(
    *,
    dataset: Dataset,
    descriptor: Descriptor,
    actor: Actor,
    incoming: Incoming | None = None,
    digest: str | None = None,
) -> DatasetVersion:
    """Immutable data as the next version: received bytes, or the digest of data kept elsewhere.

    Bytes are read for their columns and rows first, outside the transaction, and must agree with what the
    descriptor declares. The bytes are kept in this transaction; who received them removes them where this
    raises. Raises Refused, Invalid (unreadable_data, columns_differ, …), Conflict (dataset_version_exists)
    for a digest the dataset has already."""
    require(actor, Permission.REGISTER, dataset.team_id)
    if (incoming is None) == (digest is None):
        raise Invalid(
            "Give either the file or, for data kept elsewhere, its digest.",
            fields={"digest": ["One of both."]},
        )
    if incoming is None:
        assert digest is not None  # noqa: S101
        if not descriptor.location:
            sentence = "Say where data that is not kept here lies."
            raise Invalid(sentence, fields={"location": [sentence]})
        facts = FileFacts(-1, descriptor.columns)
        sha256 = sha256_of_text(digest)
    else:
        facts = _facts_of(incoming, descriptor)
        sha256 = incoming.sha256
    descriptor.check_columns(facts.columns)
    try:
        with transaction.atomic():
            Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
            newest = (
                DatasetVersion.objects.filter(dataset=dataset).aggregate(number=Max("number"))["number"] or 0
            )
            version = _insert(
                dataset, newest + 1, sha256, descriptor, facts, keep_blob(incoming) if incoming else None
            )
            append_entry(verb=DATASET_VERSION_REGISTERED, subject=version, actor=actor)
    except IntegrityError as error:
        if not broke(error, "dataset_version_digest"):
            raise
        twin = DatasetVersion.objects.get(dataset=dataset, digest=sha256)
        raise Conflict(
            f"“{dataset.name}” has this data already, as version {twin.number}. Nothing was registered.",
            code="dataset_version_exists",
        ) from error
    return version


def _facts_of(incoming: Incoming, descriptor: Descriptor) -> FileFacts:
    with storage().open(incoming.key) as file:
        facts = read_facts(file, format=descriptor.format)
    if descriptor.columns and descriptor.columns != facts.columns:
        declared = {column["name"]: column["type"] for column in descriptor.columns}
        found = {column["name"]: column["type"] for column in facts.columns}
        differing = sorted(name for name in declared | found if declared.get(name) != found.get(name))
        named = ", ".join(f"“{name[:60]}”" for name in differing[:5]) or "their order"
        raise Invalid(
            f"The file's columns are not the declared ones; they differ in {named}. Declare what the file "
            "holds, or "
            "leave columns out.",
            fields={"columns": ["They are not those of the file."]},
            code="columns_differ",
        )
    if descriptor.rows is not None and descriptor.rows != facts.rows:
        sentence = f"The file has {facts.rows:,} rows; {descriptor.rows:,} were declared."
        raise Invalid(sentence, fields={"rows": [sentence]}, code="columns_differ")
    return facts


def _insert(
    dataset: Dataset, number: int, sha256: str, descriptor: Descriptor, facts: FileFacts, blob: Blob | None
) -> DatasetVersion:
    return DatasetVersion.objects.create(
        dataset=dataset,
        number=number,
        digest=sha256,
        blob=blob,
        format=descriptor.format,
        size=blob.size if blob else None,
        rows=facts.rows if blob else descriptor.rows,
        columns=list(facts.columns),
        target=descriptor.target,
        positive_label=descriptor.positive_label,
        favourable_label=descriptor.favourable_label,
        sensitive_attributes=list(descriptor.sensitive_attributes),
        row_key=descriptor.row_key,
        time_column=descriptor.time_column,
        query_column=descriptor.query_column,
        licence=descriptor.licence,
        source=descriptor.source,
        location=descriptor.location,
        created_at=clock.now(),
    )
