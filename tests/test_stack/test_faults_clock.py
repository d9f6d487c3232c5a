"""The clock moved back by an hour: what is live, whose job it is, who may enter and the order of the log stay right."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import orjson
import pytest
from django.db import transaction
from pytest_django.fixtures import Settings

from countersign import clock
from countersign.accounts.actions import revoke_token
from countersign.accounts.models import ApiToken
from countersign.actors import Actor
from countersign.jobs import actions, runner
from countersign.jobs.models import Job, JobState
from countersign.ledger.actions import create_ledger
from countersign.ledger.keys import ledger_key
from countersign.ledger.models import Entry, Seal
from countersign.ledger.note import VerifierKey
from countersign.ledger.queries import seal_all
from countersign.ledger.verification import verify
from countersign.permissions import Role, Scope
from governance.promotion.models import LivePeriod
from registry.versions.queries import version_at_alias
from tests.factories.people import api_client, make_user, token_for
from tests.test_governance.review_kit import make_case

BACK = -3600

pytestmark = pytest.mark.django_db


def test_periods_never_overlap_and_the_log_still_verifies(settings: Settings) -> None:
    vkey = str(VerifierKey.of(settings.LEDGER_ORIGIN, ledger_key()))
    create_ledger(actor=Actor.system(), origin=settings.LEDGER_ORIGIN, vkey=vkey)
    case = make_case()
    settings.CLOCK_OFFSET_SECONDS = -2 * BACK  # roles began long before
    case.approve()
    case.promote()
    first = case.version
    second = case.next_version()
    case.approve(version=second)
    seal_all()
    settings.CLOCK_OFFSET_SECONDS += BACK
    case.promote(version=second)
    assert version_at_alias(first.model, "production") == second
    case.roll_back(first)
    assert version_at_alias(first.model, "production") == first
    periods = list(LivePeriod.objects.order_by("during"))
    assert [period.version for period in periods] == [first, second, first]
    for earlier, later in pairwise(periods):
        assert earlier.during.lower < earlier.during.upper == later.during.lower
    seal_all()
    times = list(Seal.objects.order_by("index").values_list("recorded_at", flat=True))
    assert times != sorted(times), "times went back"
    acts = [orjson.loads(bytes(entry.canonical))["recorded_at"] for entry in Entry.objects.order_by("id")]
    assert len(acts) == len(times), "and every entry has its place"
    report = verify(anchors=[settings.LEDGER_ANCHOR_FOLDER])
    assert report.ok, list(report.lines())


def queued() -> Job:
    """A job of a kind that exists."""
    with transaction.atomic():
        return actions.enqueue(kind="blobs.collect", key=str(uuid4()), actor=Actor.system("shell"), args={})


def test_a_job_made_before_the_clock_went_back_is_not_kept_waiting(settings: Settings) -> None:
    job = queued()
    settings.CLOCK_OFFSET_SECONDS = BACK
    assert runner.sweep()["sent"] == 1
    assert runner.claim(job.id) is not None
    assert runner.claim(job.id) is None, "and it is taken once"


def test_the_job_of_a_worker_that_died_before_the_clock_went_back_is_taken_back(settings: Settings) -> None:
    job = queued()
    assert runner.claim(job.id) is not None
    settings.CLOCK_OFFSET_SECONDS = BACK
    assert runner.sweep()["taken_back"] == 1
    job.refresh_from_db()
    assert job.state == JobState.QUEUED


def test_the_lease_of_a_living_worker_survives(settings: Settings) -> None:
    job = queued()
    assert runner.claim(job.id) is not None
    settings.CLOCK_OFFSET_SECONDS = BACK
    Job.objects.filter(id=job.id).update(heartbeat_at=clock.now())  # its next beat, a second later
    assert runner.sweep()["taken_back"] == 0


def test_a_token_works_until_its_end_and_a_revoked_one_never_again(settings: Settings) -> None:
    user = make_user(roles=[(Role.AUDITOR, None)])
    plaintext = token_for(user, Scope.READ)
    settings.CLOCK_OFFSET_SECONDS = BACK
    assert api_client(plaintext).get("/api/v1/me").status_code == 200
    settings.CLOCK_OFFSET_SECONDS = 0
    revoke_token(token=ApiToken.objects.get(user=user), actor=Actor.system("shell"))
    settings.CLOCK_OFFSET_SECONDS = BACK
    assert api_client(plaintext).get("/api/v1/me").status_code == 401
    other = token_for(user, Scope.READ)
    token = ApiToken.objects.get(user=user, revoked_at=None)
    settings.CLOCK_OFFSET_SECONDS = (token.expires_at - clock.now() + timedelta(hours=1)).total_seconds()
    assert api_client(other).get("/api/v1/me").status_code == 401
