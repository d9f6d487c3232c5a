"""What a job is about, in words with a link: the layer that owns a kind of subject says how it is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from countersign.jobs.models import Job


@dataclass(frozen=True, slots=True)
class SubjectLabel:
    """The job's heading, and the page of what it is about."""

    text: str
    url: str


Labeller = Callable[[UUID], SubjectLabel | None]
_labellers: dict[str, Labeller] = {}


def register(ledger_type: str, labeller: Labeller) -> None:
    """Say how subjects of this kind are called. The last one registered counts."""
    _labellers[ledger_type] = labeller


def label_of(job: Job) -> SubjectLabel | None:
    """The label of the job's subject; None where nobody knows one."""
    labeller = _labellers.get(job.subject_type)
    return labeller(job.subject_ref) if labeller and job.subject_ref else None
