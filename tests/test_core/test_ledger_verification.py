"""Verify now: the job anybody with the right may start, which names what was changed behind the application."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from django.db import connection
from django.test import Client

from countersign.accounts.models import Team, User
from countersign.errors import Conflict, Refused
from countersign.jobs import runner
from countersign.jobs.handlers import Cancelled, JobContext
from countersign.jobs.models import Job, JobState
from countersign.ledger import queries
from countersign.ledger.actions import record_verification
from countersign.ledger.models import Entry
from countersign.ledger.sealer import seal_now
from countersign.ledger.verification import Report, Section
from countersign.permissions import Role
from countersign.upkeep.actions import VERIFY, request_verification
from countersign.upkeep.jobs import verify_ledger
from tests import databases
from tests.factories import people
from tests.test_core.ledger_attack import attack
from tests.test_core.ledger_kit import SYSTEM, begin, new_team
from tests.test_governance.evidence_kit import browser, text_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def team(settings: Any) -> Team:
    """A sealed log that tells of a team."""
    begin()
    team = new_team("Scoring", personal={"reason": "Because."})
    settings.CLOCK_OFFSET_SECONDS += 1
    seal_now()
    return team


@pytest.fixture
def auditor(team: Team) -> User:
    return people.make_user("august", full_name="August Auditor", roles=[(Role.AUDITOR, None)])


def leaves(verb: str) -> list[dict[str, Any]]:
    told = [orjson.loads(bytes(entry.canonical)) for entry in Entry.objects.order_by("id")]
    return [leaf for leaf in told if leaf["verb"] == verb]


def verified(client: Client) -> Job:
    """Asked for on the page, and run by a worker."""
    asked = client.post("/ledger/verify/")
    assert asked.status_code == 303
    job = Job.objects.get(kind=VERIFY, state=JobState.QUEUED)
    assert asked["Location"] == f"/jobs/{job.id}/"
    runner.run(job.id)
    job.refresh_from_db()
    return job


def test_a_log_that_holds_is_said_to_hold_everywhere(auditor: User) -> None:
    client = browser(auditor)
    assert "Not verified yet" in text_of(client.get("/ledger/"))
    job = verified(client)
    assert job.state == JobState.SUCCEEDED, job.failure
    assert next(step["name"] for step in job.steps) == "Recomputing the tree from the entries"
    page = text_of(client.get(f"/jobs/{job.id}/"))
    assert "Everything holds" in page
    assert "Against the anchor outside the database 0 Holds" in page
    (entry,) = leaves("ledger.verification.passed")
    told = entry["data"]["after"]["details"]
    assert entry["actor"]["ref"] == str(auditor.pk)
    assert entry["via"] == f"job:{job.id}"
    assert (told["job"], told["size"], told["covered"], told["findings"]) == (str(job.id), 2, 2, {})
    assert len(leaves("ledger.verification.requested")) == 1
    ledger = text_of(client.get("/ledger/"))
    assert "Whole verified now" in ledger
    assert "Up to checkpoint 2 , 2 entries. Asked for by August Auditor" in ledger
    assert "; verified now" in ledger


def test_an_edit_by_sql_is_found_named_and_said_loudly(team: Team, auditor: User) -> None:
    with databases.owner(str(connection.settings_dict["NAME"])) as database:
        database.execute("UPDATE accounts_team SET name = 'Forged' WHERE id = %s", [team.pk])
    client = browser(auditor)
    job = verified(client)
    found = f'accounts.team {team.pk}: name holds "Forged", the ledger says "Scoring"'
    page = text_of(client.get(f"/jobs/{job.id}/"))
    assert "The ledger does not hold" in page
    assert found in page
    assert f"tables: {found}" in page, "the log says it too"
    assert "Does not hold 1 finding" in text_of(client.get("/jobs/"))
    ledger = client.get("/ledger/")
    assert "The ledger does not hold: 1 finding" in text_of(ledger)
    assert f"/jobs/{job.id}/" in ledger.content.decode()
    (entry,) = leaves("ledger.verification.failed")
    assert entry["data"]["after"]["details"]["findings"] == {"tables": 1}
    assert "Forged" not in orjson.dumps(entry).decode(), "what was written by hand does not enter the ledger"
    anywhere = text_of(client.get("/jobs/"))
    assert "Ledger does not hold" in anywhere, "the foot of every page says so"


def test_a_forged_entry_does_not_lead_to_the_root_and_is_found(team: Team, auditor: User) -> None:
    attack(lambda attacker: attacker.forge(1))
    client = browser(auditor)
    entry = queries.entries(actor=SYSTEM, filters=queries.Filters(index=1)).entries[0]
    page = text_of(client.get(f"/ledger/entries/{entry.id}/"))
    assert "Does not lead to the root" in page
    assert "This entry is not the one that was sealed here" in page
    job = verified(client)
    assert job.result is not None
    assert set(job.result["counts"]) >= {Section.ROOTS, Section.ANCHORS}
    sentences = [finding["sentence"] for finding in job.result["findings"]]
    assert any("index 1 is another entry than was published" in sentence for sentence in sentences)


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.COMPLIANCE, Role.ADMINISTRATOR])
def test_who_sees_every_team_may_ask(team: Team, role: Role) -> None:
    actor = people.actor_for(people.make_user(roles=[(role, None)]))
    assert request_verification(actor=actor).kind == VERIFY


@pytest.mark.parametrize("role", [Role.OWNER, Role.REVIEWER, Role.VIEWER])
def test_who_sees_one_team_may_not_and_is_told_whom_to_ask(team: Team, role: Role) -> None:
    user = people.make_user(roles=[(role, people.make_team("Credit"))])
    client = browser(user)
    refused = client.post("/ledger/verify/")
    assert refused.status_code == 403
    assert not Job.objects.filter(kind=VERIFY).exists()
    assert 'aria-describedby="why-no-verify"' in client.get("/ledger/").content.decode()
    with pytest.raises(Refused, match="an auditor or an administrator"):
        request_verification(actor=people.actor_for(user))


def test_two_who_ask_get_one_job_and_one_entry(auditor: User) -> None:
    first = request_verification(actor=people.actor_for(auditor))
    other = people.make_user(roles=[(Role.COMPLIANCE, None)])
    assert request_verification(actor=people.actor_for(other)).id == first.id
    assert len(leaves("ledger.verification.requested")) == 1
    page = text_of(browser(other).get("/ledger/"))
    assert "Waiting for a worker , asked for by August Auditor" in page


def test_a_cancelled_one_ends_and_records_no_outcome(auditor: User) -> None:
    client = browser(auditor)
    job = request_verification(actor=people.actor_for(auditor))
    running = runner.claim(job.id)
    assert running is not None
    assert client.post(f"/jobs/{job.id}/cancel/").status_code == 303
    running.refresh_from_db()
    assert running.cancel_requested
    context = JobContext(running, people.actor_for(auditor), is_cancelled=False)
    context.step("Begun")
    context.is_cancelled = True  # as the heartbeat tells it
    with pytest.raises(Cancelled):
        verify_ledger(context)
    assert leaves("ledger.verification.passed") == leaves("ledger.verification.failed") == []
    assert len(leaves("jobs.job.cancelled")) == 1


def test_without_a_ledger_there_is_nothing_to_verify(db: None) -> None:
    with pytest.raises(Conflict, match="bootstrap"):
        request_verification(actor=people.actor_for(people.make_user(roles=[(Role.AUDITOR, None)])))
    with pytest.raises(Conflict):
        record_verification(report=Report(), job=None, actor=SYSTEM)


def test_if_the_outcome_cannot_be_recorded_the_job_has_not_succeeded(
    auditor: User,
) -> None:
    job = request_verification(actor=people.actor_for(auditor))
    with databases.owner(str(connection.settings_dict["NAME"])) as database:
        database.execute(
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'full'; END$$"
        )
        database.execute("CREATE TRIGGER no BEFORE INSERT ON ledger_entry FOR EACH ROW EXECUTE FUNCTION no()")
    runner.run(job.id)
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert job.result is None
