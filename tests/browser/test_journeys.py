"""Browser journeys on a running instance: what people do, in the browser they do it in."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import SignIn
from tests.stack import MODEL, Stack, Told

REVIEW = "/reviews/2/"


def test_a_stranger_is_sent_to_sign_in_and_back(stack: Stack, told: Told, sign_in: SignIn) -> None:
    page = sign_in("rosa")
    page.context.clear_cookies()
    page.goto(f"/models/{MODEL}/")
    expect(page).to_have_url(re.compile(r"/sign-in/\?next="))
    page.get_by_label("User name").fill("rosa")
    page.get_by_label("Password", exact=True).fill(told.passwords["rosa"])
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(f"/models/{MODEL}/$"))


def test_the_refusal_names_group_measure_and_interval(sign_in: SignIn) -> None:
    page = sign_in("owen")
    page.goto(f"/models/{MODEL}/versions/3/")
    gate = page.locator("#gate-production")
    expect(gate).to_contain_text("Promotion to production is refused")
    expect(gate).to_contain_text("21 to 25")
    expect(gate).to_contain_text("selection rate ratio")
    expect(gate).to_contain_text("0.422")
    button = page.get_by_role("button", name="Promote to production")
    expect(button).to_have_attribute("aria-disabled", "true")


def test_two_people_decide_with_keyboard_and_without_javascript(
    stack: Stack, told: Told, sign_in: SignIn
) -> None:
    """Request for changes, answer, two signatures, promotion: each in a browser of their own; the reviewer's runs no
    script."""
    rosa, owen, anil = sign_in("rosa", javascript=False), sign_in("owen"), sign_in("anil")

    rosa.get_by_role("link", name="Sign or refuse credit-default 4 for production").click()
    expect(rosa).to_have_url(re.compile(REVIEW))
    rosa.get_by_label("Request changes").check()
    rosa.get_by_label("Independent validation").or_(rosa.get_by_label("Validation")).first.check()
    rosa.get_by_label("Reason").first.fill("Say in the card how the forest was tuned.")
    rosa.get_by_label("Your password").fill(told.passwords["rosa"])
    rosa.locator(".btn.sign").click()
    expect(rosa.locator("main")).to_contain_text("Changes requested")

    owen.goto(REVIEW)
    owen.get_by_role("button", name="Changes are made: open it again").click()
    expect(owen.locator("main")).to_contain_text("open again")

    # The reviewer's page is older than the answer; the wrong password keeps what was typed.
    rosa.goto(REVIEW)
    rosa.get_by_label("Sign: fit for Production").check()
    rosa.get_by_label("Independent validation").or_(rosa.get_by_label("Validation")).first.check()
    rosa.get_by_label("Reason").first.fill("Tuning is in the run; the evidence holds.")
    rosa.get_by_label("Your password").fill("not the password")
    rosa.locator(".btn.sign").click()
    expect(rosa.locator("main")).to_contain_text("This is not your password")
    expect(rosa.get_by_label("Reason").first).to_have_value("Tuning is in the run; the evidence holds.")
    rosa.get_by_label("Your password").fill(told.passwords["rosa"])
    rosa.locator(".btn.sign").click()
    expect(rosa.locator("#signoffs")).to_contain_text("Rosa Ferreira")

    anil.goto(REVIEW)
    anil.get_by_label("Sign: fit for Production").check()
    anil.get_by_label("Approval").or_(anil.get_by_label("Release")).first.check()
    anil.get_by_label("Reason").first.fill("Fit for its purpose.")
    anil.get_by_label("Your password").fill(told.passwords["anil"])
    anil.keyboard.press("Enter")
    expect(anil.locator("main")).to_contain_text("Approved")

    owen.goto("/")
    owen.get_by_role("link", name="Promote credit-default 4 to production").click()
    owen.get_by_label("Reason").fill("Challenger replaces version 2.")
    owen.get_by_role("button", name="Promote version 4 to production").click()
    expect(owen.locator("main")).to_contain_text("in place of version 2. It is live now")

    # The way back stays open.
    owen.goto("/environments/")
    owen.get_by_role("link", name="Roll back").first.click()
    owen.get_by_label("Reason").fill("Score distribution differs from staging.")
    owen.get_by_role("button", name="Roll back").click()
    owen.goto(f"/models/{MODEL}/versions/2/")
    expect(owen.locator("main")).to_contain_text("Live in production now")
    stack.manage("verify")


def test_who_made_a_version_is_offered_no_signature(sign_in: SignIn) -> None:
    page = sign_in("mara")
    page.goto("/reviews/1/")
    expect(page.locator(".btn.sign")).to_have_count(0)


def test_the_auditor_takes_a_bundle_away(sign_in: SignIn, tmp_path: Path) -> None:
    page = sign_in("august")
    page.goto("/exports/1/")
    expect(page.locator("main")).to_contain_text("HOLDS")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Download")).first.click()
    target = tmp_path / "bundle.zip"
    download.value.save_as(target)
    assert target.read_bytes()[:4] == b"PK\x03\x04"


def test_the_audit_trail_tells_sealed_and_unsealed_apart(sign_in: SignIn) -> None:
    page = sign_in("august")
    page.goto("/ledger/?verb=governance.promotion.made")
    expect(page.locator(".entry").first).to_contain_text("promoted credit-default")
    page.locator(".entry .idx").first.click()
    expect(page.locator("#proof")).to_contain_text("was sealed by checkpoint")
    page.goto("/ledger/?verb=nothing.such")
    expect(page.locator("main")).to_contain_text("No such kind of entry")
