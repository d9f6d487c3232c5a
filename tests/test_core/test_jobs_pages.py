"""Pages of jobs: the list with its filters, and one job that says where it stands and what was not done."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from countersign.accounts.models import Team, User
from countersign.jobs import actions, handlers, runner
from countersign.jobs.handlers import JobContext, JobFailed, Outcome
from countersign.jobs.models import Job, JobState
from countersign.permissions import Role
from tests.factories import people
from tests.test_governance.evidence_kit import browser, text_of

pytestmark = pytest.mark.django_db
KIND = "tests.shown"
OTHER = "tests.other"
PLAN = ("Fetching", "Counting", "Writing")


@handlers.handler(
    KIND,
    title="Shown work",
    plan=PLAN,
    outcome=lambda job: Outcome("met", "Counted", f"{job.result['n']} counted"),
)
def _shown(context: JobContext) -> dict[str, Any]:
    return {"n": 3}


@handlers.handler(OTHER, title="Other work", retryable=False)
def _other(context: JobContext) -> None:
    return None


@pytest.fixture
def team(db: None) -> Team:
    return people.make_team("Scoring")


@pytest.fixture
def mara(team: Team) -> User:
    return people.make_user("mara", full_name="Mara", roles=[(Role.CONTRIBUTOR, team)])


def make(user: User, *, kind: str = KIND, key: str = "one", team: Team | None = None) -> Job:
    with transaction.atomic():
        return actions.enqueue(
            kind=kind, key=key, actor=people.actor_for(user), args={}, team=team.pk if team else None
        )


def fail(job: Job, user: User, *, said: str = "") -> None:
    claimed = runner.claim(job.id)
    assert claimed is not None
    context = JobContext(claimed, people.actor_for(user))
    context.step("Fetching")
    context.step("Counting", "9 rows")
    failure = JobFailed("not_countable", "The rows cannot be counted. Give numbers.", said=said)
    runner._end(claimed, people.actor_for(user), failure, JobState.FAILED)


def test_filters_stand_in_the_url_and_combine(team: Team, mara: User) -> None:
    rosa = people.make_user("rosa", full_name="Rosa", roles=[(Role.REVIEWER, team)])
    mine, theirs = make(mara, team=team), make(rosa, kind=OTHER, team=team)
    fail(mine, mara)
    client = browser(mara)
    both = client.get("/jobs/")
    assert both.context["window"].total == 2
    for query, shown in (
        ({"state": "failed"}, [mine]),
        ({"state": "queued"}, [theirs]),
        ({"kind": OTHER}, [theirs]),
        ({"mine": "1"}, [mine]),
        ({"mine": "1", "state": "queued"}, []),
        ({"state": "never"}, [theirs, mine]),
    ):
        page = client.get("/jobs/", query)
        assert [row["job"].id for row in page.context["rows"]] == [job.id for job in shown], query
    assert "No such jobs" in text_of(client.get("/jobs/?mine=1&state=queued"))
    assert "/jobs/?state=failed&amp;mine=1" in client.get("/jobs/?mine=1").content.decode()


def test_jobs_of_other_teams_are_unseen(team: Team, mara: User) -> None:
    other = people.make_team("Claims")
    theirs = make(people.make_user(roles=[(Role.CONTRIBUTOR, other)]), team=other)
    client = browser(mara)
    assert client.get("/jobs/").context["window"].total == 0
    assert client.get(f"/jobs/{theirs.id}/").status_code == 404
    assert client.post(f"/jobs/{theirs.id}/cancel/").status_code == 404


def test_a_failure_names_step_reason_raw_message_what_was_not_done_and_what_next(mara: User) -> None:
    job = make(mara)
    fail(job, mara, said="ValueError: <b>not a number</b>")
    page = browser(mara).get(f"/jobs/{job.id}/")
    words = text_of(page)
    assert "It failed at step 2 of 3 The rows cannot be counted. Give numbers." in words
    assert "ValueError: &lt;b&gt;not a number&lt;/b&gt;" in page.content.decode()
    assert "Not done: Writing. Nothing half-done was kept." in words
    assert "Next: mend what the reason names, then run it again" in words
    assert "Code not_countable , after 1 attempt" in words


def test_what_cannot_be_run_again_says_to_ask_anew(mara: User) -> None:
    job = make(mara, kind=OTHER)
    fail(job, mara)
    words = text_of(browser(mara).get(f"/jobs/{job.id}/"))
    assert "then ask for it anew" in words
    assert "Run it again" not in words


def test_run_again_forgets_the_old_failure(mara: User) -> None:
    job = make(mara)
    fail(job, mara, said="raw")
    assert browser(mara).post(f"/jobs/{job.id}/retry/").status_code == 303
    job.refresh_from_db()
    assert (job.state, job.result) == (JobState.QUEUED, None)


def test_steps_to_come_wait_and_the_outcome_is_in_words(mara: User) -> None:
    job = make(mara)
    client = browser(mara)
    waiting = text_of(client.get(f"/jobs/{job.id}/"))
    assert "It waits for a worker" in waiting
    for step in PLAN:
        assert f"Waiting {step}" in waiting
    assert "Cancel this job" in waiting
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED, result={"n": 3}, ended_at=job.created_at)
    done = client.get("/jobs/")
    assert "Counted 3 counted" in text_of(done)
    assert "Counted Asked for by Mara" in text_of(client.get(f"/jobs/{job.id}/"))


def test_while_it_is_live_the_part_polls_itself_then_the_page_is_loaded_anew(mara: User) -> None:
    job = make(mara)
    client = browser(mara)
    asked = {"HX-Request": "true", "HX-Target": "job-progress"}
    part = client.get(f"/jobs/{job.id}/", headers=asked)
    assert f'hx-get="/jobs/{job.id}/"' in part.content.decode()
    assert "<html" not in part.content.decode()
    fail(job, mara)
    assert client.get(f"/jobs/{job.id}/", headers=asked)["HX-Refresh"] == "true"


def test_who_may_not_cancel_sees_why(team: Team, mara: User) -> None:
    job = make(mara, team=team)
    approver = people.make_user(roles=[(Role.APPROVER, team)])
    page = browser(approver).get(f"/jobs/{job.id}/").content.decode()
    assert 'aria-describedby="why-no-cancel"' in page
    assert "“evaluate” needs the role" in page


def test_the_list_costs_the_same_for_one_job_and_for_twenty(team: Team, mara: User) -> None:
    client = browser(mara)

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get("/jobs/")
        return len(captured)

    make(mara, team=team)
    few = cost()
    for number in range(20):
        make(mara, key=f"key {number}", team=team)
    assert cost() == few
