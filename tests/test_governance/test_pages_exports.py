"""The pages of audit exports: asking, following, and taking away a bundle with the command that checks it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from countersign.blobs.store import storage
from countersign.jobs import runner, subjects
from countersign.jobs.actions import cancel_job
from countersign.jobs.handlers import JobContext, JobFailed
from countersign.jobs.models import JobState
from countersign.ledger.actions import VERIFIER
from countersign.permissions import Role
from governance.export.actions import request_export
from governance.export.models import AuditExport
from tests.factories.people import actor_for, make_team, make_user
from tests.test_governance import evidence_kit as kit

pytestmark = pytest.mark.django_db
LIST = "/exports/"


@pytest.fixture
def world(db: None) -> kit.World:
    return kit.credit_world(tier="medium")


@pytest.fixture
def auditor(db: None) -> Client:
    return kit.browser(make_user("august", full_name="August Auditor", roles=[(Role.AUDITOR, None)]))


def about_the_model(world: kit.World, reason: str = "Yearly audit.") -> AuditExport:
    return request_export(model=world.model, reason=reason, actor=world.maker)


def page_url(export: AuditExport) -> str:
    return reverse("governance:export", args=[export.number])


def asking(world: kit.World, **changes: str) -> dict[str, str]:
    return {"scope": "model", "model": str(world.model.pk), "reason": "Yearly audit."} | changes


# --- where to find them -----------------------------------------------------------------------------------


def test_the_ledger_and_the_model_lead_to_exports(world: kit.World, auditor: Client) -> None:
    assert 'href="/exports/">Audit export</a>' in auditor.get("/ledger/").content.decode()
    model = reverse("registry:model", args=[world.model.name])
    assert 'href="/exports/?model=credit-default#ask"' in auditor.get(model).content.decode()
    viewer = kit.browser(world.user(Role.VIEWER))
    assert "Audit export</a>" not in viewer.get("/ledger/").content.decode()
    refused = viewer.get(model)
    assert 'aria-disabled="true" aria-describedby="why-no-export"' in refused.content.decode()
    assert "“export” needs the role owner, compliance, auditor." in kit.text_of(refused)


def test_the_link_of_a_model_chooses_it(world: kit.World, auditor: Client) -> None:
    body = auditor.get(f"{LIST}?model=credit-default").content.decode()
    assert f'<option value="{world.model.pk}" selected>' in body
    unknown = auditor.get(f"{LIST}?model=unheard-of").content.decode()
    assert '<option value="" selected>' in unknown


def test_who_may_take_nothing_away_is_refused(world: kit.World) -> None:
    export = about_the_model(world)
    reviewer = kit.browser(world.user(Role.REVIEWER))
    for url in (LIST, page_url(export), reverse("governance:api-export-bundle", args=[export.number])):
        assert reviewer.get(url).status_code == 403
    assert reviewer.post(LIST, asking(world)).status_code == 403
    stranger = kit.browser(make_user(roles=[(Role.OWNER, make_team())]))
    assert stranger.get(page_url(export)).status_code == 404
    assert "credit-default" not in kit.text_of(stranger.get(LIST))


# --- asking -----------------------------------------------------------------------------------------------


def test_asking_for_a_model_lands_on_the_export(world: kit.World, auditor: Client) -> None:
    empty = kit.text_of(auditor.get(LIST))
    assert "No exports yet" in empty
    assert "optional" not in empty
    answer = auditor.post(LIST, asking(world))
    [export] = AuditExport.objects.all()
    assert (answer.status_code, answer["Location"]) == (303, page_url(export))
    assert (export.model, export.reason, export.period_start) == (world.model, "Yearly audit.", None)
    words = kit.text_of(auditor.get(LIST))
    assert f"{export.number} Waiting credit-default none August Auditor" in words
    label = subjects.label_of(export.job)
    assert label is not None
    assert (label.text, label.url) == (f"Audit export {export.number}", page_url(export))


def test_a_period_counts_both_days_in_utc(world: kit.World, auditor: Client) -> None:
    answer = auditor.post(
        LIST, asking(world, scope="period", period_start="1 Jan 2026", period_end="30 Sep 2026", model="")
    )
    assert answer.status_code == 303
    export = AuditExport.objects.get()
    assert export.period_start == datetime(2026, 1, 1, tzinfo=UTC)
    assert export.period_end == datetime(2026, 10, 1, tzinfo=UTC)
    assert export.model is None
    assert "everything, 1 Jan 2026 00:00 to 1 Oct 2026 00:00" in kit.text_of(auditor.get(LIST))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": ""}, "Choose the model."),
        ({"model": "01a20cf2-e6e7-737c-b0aa-08589eeeb096"}, "Select a valid choice"),
        ({"reason": " "}, "Why you take it away is missing."),
        ({"scope": "period"}, "Write a day, such as 30 Jun 2027."),
        (
            {"scope": "period", "period_start": "31 Feb 2026", "period_end": "1 Mar 2026"},
            "Did you mean 28 Feb 2026?",
        ),
        (
            {"scope": "period", "period_start": "1 Oct 2027", "period_end": "12 Nov 2026"},
            "The first day lies after the last. Did you mean 1 Oct 2026?",
        ),
        ({"scope": "period", "period_start": "1 Jan 2090", "period_end": "2 Jan 2090"}, "or later than now"),
        ({"scope": "everything"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    world: kit.World, auditor: Client, changes: dict[str, str], says: str
) -> None:
    answer = auditor.post(LIST, asking(world, **changes))
    assert answer.status_code == 422
    assert says in kit.text_of(answer)
    assert not AuditExport.objects.exists()


def test_an_owner_takes_their_own_models_and_no_period(world: kit.World) -> None:
    other = kit.credit_world(name="other-model", people="nora")
    client = kit.browser(world.maker_user)
    page = client.get(LIST)
    assert "For auditors and compliance officers, who see every team." in kit.text_of(page)
    assert 'value="period"' in page.content.decode()
    assert "other-model" not in page.content.decode()
    assert client.post(LIST, asking(world)).status_code == 303
    assert client.post(LIST, asking(world, model=str(other.model.pk))).status_code == 422
    refused = client.post(
        LIST, asking(world, scope="period", period_start="1 Jan 2026", period_end="2 Jan 2026")
    )
    assert refused.status_code == 403
    assert AuditExport.objects.count() == 1


def test_the_list_costs_the_same_for_one_export_and_for_five(world: kit.World, auditor: Client) -> None:
    about_the_model(world)
    auditor.get(LIST)
    with CaptureQueriesContext(connection) as few:
        auditor.get(LIST)
    for _ in range(4):
        about_the_model(world)
    with CaptureQueriesContext(connection) as many:
        auditor.get(LIST)
    assert len(many) == len(few)


# --- following --------------------------------------------------------------------------------------------


def test_while_it_waits_the_part_polls_itself(world: kit.World) -> None:
    client = kit.browser(world.maker_user)
    export = about_the_model(world)
    page = client.get(page_url(export))
    assert "It waits for a worker." in kit.text_of(page)
    assert f'hx-get="{page_url(export)}"' in page.content.decode()
    job = runner.claim(export.job_id)
    assert job is not None
    JobContext(job, world.maker).step("Collecting entries and files", progress=0.1)
    htmx = {"HX-Request": "true", "HX-Target": "export-progress"}
    part = client.get(page_url(export), headers=htmx)
    assert "Running Collecting entries and files" in kit.text_of(part)
    assert "<html" not in part.content.decode()
    runner._end(job, world.maker, JobFailed("export_does_not_hold", "It does not hold."), JobState.FAILED)
    assert client.get(page_url(export), headers=htmx)["HX-Refresh"] == "true"
    words = kit.text_of(client.get(page_url(export)))
    assert "It failed, so there is no bundle It does not hold." in words
    assert "Download" not in words


def test_a_cancelled_export_says_so(world: kit.World) -> None:
    export = about_the_model(world, reason="Because <b>so</b>.")
    cancel_job(job=export.job, actor=world.maker)
    page = kit.browser(world.maker_user).get(page_url(export))
    assert "It was cancelled. Cancelled before it began. There is no bundle." in kit.text_of(page)
    assert "Because &lt;b&gt;so&lt;/b&gt;." in page.content.decode()


# --- a real bundle ----------------------------------------------------------------------------------------


def exported(world: kit.World) -> AuditExport:
    export = about_the_model(world)
    runner.run(export.job_id)
    export.refresh_from_db()
    assert export.state == "ready", export.failure
    return export


@pytest.mark.django_db(transaction=True)
def test_a_bundle_is_taken_away_and_checked_with_the_command_of_the_page(tmp_path: Path, capsys: Any) -> None:
    call_command("bootstrap")
    world = kit.credit_world(tier="medium")
    kit.make_evidence(world.version, world.data, actor=world.maker)
    export = exported(world)
    assert export.blob is not None
    client = kit.browser(world.maker_user)
    page = client.get(page_url(export))
    body, words = page.content.decode(), kit.text_of(page)
    assert export.blob_id in body
    assert f"{export.entries:,} entries, sealed by checkpoint {export.checkpoint_size:,}" in words
    assert f"Signed by {export.signed_by}" in words
    for part in ("Entries", "Versions", "Policies", "Report", "Verifier", "Manifest"):
        assert re.search(rf'<th scope="row">{part}</th>', body)
    assert "Left out The files of the models" in words
    assert "What the verifier said Holds" in words
    assert export.verification.splitlines()[-1] in words

    answer = client.get(reverse("governance:api-export-bundle", args=[export.number]))
    bundle = tmp_path / f"export-{export.number}.zip"
    bundle.write_bytes(b"".join(answer.streaming_content))
    assert f'filename="{bundle.name}"' in answer["Content-Disposition"]
    shown = re.search(r"<pre[^>]*Commands to verify the bundle[^>]*><code>(.*?)</code>", body, re.S)
    assert shown is not None
    lines = kit.html.unescape(shown[1]).replace("\\\n", " ").splitlines()
    assert lines[0] == f"sha256sum {bundle.name}"
    command = shlex.split(lines[1])
    assert command[:4] == ["python3", "-I", "verify.py", bundle.name]
    done = subprocess.run(
        [sys.executable, "-I", str(VERIFIER), *command[3:]], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, export.verification)

    storage().delete(export.blob.key)
    lost = client.get(page_url(export))
    assert lost.status_code == 200
    assert "bytes cannot be read. Its digest stays in the ledger" in kit.text_of(lost)
    assert "Download" not in kit.text_of(lost)


def test_compliance_sees_exports_of_every_team(world: kit.World) -> None:
    export = about_the_model(world)
    officer = kit.browser(make_user(roles=[(Role.COMPLIANCE, None)]))
    assert officer.get(page_url(export)).status_code == 200
    assert "You may take everything." in kit.text_of(officer.get(LIST))
    assert actor_for(world.maker_user).label in kit.text_of(officer.get(page_url(export)))
