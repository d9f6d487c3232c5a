"""Creating experiments; starting, recording and ending runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction

from countersign import clock
from countersign.accounts.models import Team
from countersign.actors import Actor
from countersign.errors import Conflict, Invalid
from countersign.ledger.append import append_entry
from countersign.permissions import Permission
from registry.conflicts import broke, name_in_use
from registry.names import checked_name, checked_text, folded
from registry.runs.models import Experiment, Run, RunInput, RunMetric, RunParameter, RunState
from registry.runs.telemetry import (
    BATCH_LIMIT,
    MetricValue,
    ReadDataset,
    checked_context,
    checked_key,
    parameters_of,
    telemetry_digest,
)
from registry.runs.verbs import EXPERIMENT_CREATED, RUN_ENDED, RUN_STARTED
from registry.visibility import require

_COMMIT = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True, slots=True)
class Source:
    """The code a run used. `clean` None: the job did not say whether its tree was as committed."""

    repository: str = ""
    commit: str = ""
    clean: bool | None = None


@dataclass(frozen=True, slots=True)
class RunDescription:
    """A whole run, told at once: a version may be registered with the run that made it."""

    experiment: str
    name: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    metrics: Sequence[MetricValue] = ()
    inputs: Sequence[ReadDataset] = ()
    source: Source = field(default_factory=Source)


def create_experiment(*, name: str, team: Team, actor: Actor) -> Experiment:
    """A named group of runs. Raises Refused, Invalid (bad_name), Conflict (name_in_use)."""
    require(actor, Permission.REGISTER, team.id)
    checked = checked_name(name, what="experiment", forbidden="")
    try:
        with transaction.atomic():
            experiment = Experiment.objects.create(
                name=checked.shown, name_folded=checked.folded, team=team, created_at=clock.now()
            )
            append_entry(verb=EXPERIMENT_CREATED, subject=experiment, actor=actor)
    except IntegrityError as error:
        if not broke(error, "name_folded"):
            raise
        raise name_in_use(checked) from error
    return experiment


def start_run(*, experiment: Experiment, name: str = "", source: Source | None = None, actor: Actor) -> Run:
    """A run that takes telemetry from now on. Raises Refused, Invalid."""
    require(actor, Permission.REGISTER, experiment.team_id)
    source = source or Source()
    name = checked_text(name, field="name", limit=200, lines=False)
    repository = checked_text(source.repository, field="source_repository", limit=500, lines=False)
    commit = checked_text(source.commit, field="source_commit", limit=64, lines=False).lower()
    if commit and not _COMMIT.fullmatch(commit):
        sentence = "A commit is its hash: 7 to 64 hexadecimal digits."
        raise Invalid(sentence, fields={"source_commit": [sentence]})
    now = clock.now()
    with transaction.atomic():
        run = Run.objects.create(
            experiment=experiment,
            name=name or f"run of {now:%d %b %Y %H:%M:%S}",
            state=RunState.RUNNING.value,
            source_repository=repository,
            source_commit=commit,
            source_clean=source.clean,
            started_at=now,
            created_by_kind=actor.kind.value,
            created_by=actor.ref,
        )
        append_entry(verb=RUN_STARTED, subject=run, actor=actor)
    return run


def log_run(
    *,
    run: Run,
    parameters: Mapping[str, str] | None = None,
    metrics: Sequence[MetricValue] = (),
    inputs: Sequence[ReadDataset] = (),
    actor: Actor,
) -> None:
    """Add telemetry, all of it or nothing. A parameter may be said again with the same value only.

    Raises Refused, Invalid, Conflict (run_ended, parameter_logged)."""
    require(actor, Permission.REGISTER, run.experiment.team_id)
    checked = parameters_of(parameters or {})
    if len(metrics) > BATCH_LIMIT or len(inputs) > BATCH_LIMIT:
        raise Invalid(f"At most {BATCH_LIMIT:,} values at once.")
    now = clock.now()
    with transaction.atomic():
        _lock_running(run)
        known = dict(
            RunParameter.objects.filter(run=run, key__in=checked).values_list("key", "value"),
        )
        for key, value in known.items():
            if value != checked[key]:
                raise Conflict(
                    f"The parameter “{key}” was recorded with another value; parameters never change. "
                    "Start another run.",
                    code="parameter_logged",
                )
        RunParameter.objects.bulk_create(
            RunParameter(run=run, key=key, value=value) for key, value in checked.items() if key not in known
        )
        RunMetric.objects.bulk_create(
            RunMetric(
                run=run,
                key=checked_key(one.key),
                value=one.value,
                step=one.step,
                recorded_at=one.recorded_at or now,
            )
            for one in metrics
        )
        RunInput.objects.bulk_create(
            (
                RunInput(run=run, dataset_version=one.dataset_version, context=checked_context(one.context))
                for one in inputs
            ),
            ignore_conflicts=True,
        )


def end_run(*, run: Run, state: RunState = RunState.FINISHED, actor: Actor) -> Run:
    """End a run as finished or failed and seal its telemetry by digest. Raises Refused, Conflict
    (run_ended)."""
    require(actor, Permission.REGISTER, run.experiment.team_id)
    if state is RunState.RUNNING:
        raise Invalid("A run ends as finished or failed.", fields={"state": ["finished or failed"]})
    with transaction.atomic():
        locked = _lock_running(run)
        before = locked.ledger_state()
        locked.state, locked.ended_at = state.value, clock.now()
        locked.telemetry_digest = telemetry_digest(locked)
        locked.save(update_fields=["state", "ended_at", "telemetry_digest"])
        append_entry(verb=RUN_ENDED, subject=locked, actor=actor, before=before)
    return locked


def record_run(*, description: RunDescription, team: Team, actor: Actor) -> Run:
    """A whole run at once: its experiment (made in the team where there is none of the name), telemetry, end.

    Raises Refused (also for an experiment of a team one may not write to), Invalid, Conflict."""
    with transaction.atomic():
        checked = checked_name(description.experiment, what="experiment", forbidden="")
        experiment = Experiment.objects.filter(name_folded=folded(checked.shown)).first()
        if experiment is None:
            experiment = create_experiment(name=checked.shown, team=team, actor=actor)
        run = start_run(experiment=experiment, name=description.name, source=description.source, actor=actor)
        log_run(
            run=run,
            parameters=description.parameters,
            metrics=description.metrics,
            inputs=description.inputs,
            actor=actor,
        )
        return end_run(run=run, actor=actor)


def _lock_running(run: Run) -> Run:
    locked: Run = (
        Run.objects.select_for_update(of=("self",), no_key=True).select_related("experiment").get(pk=run.pk)
    )
    if locked.state != RunState.RUNNING:
        raise Conflict(
            f"This run has {locked.state} and is sealed: nothing is added to it. Start another run.",
            code="run_ended",
        )
    return locked
