"""Two people at once, and one with a keyboard alone: the same signature twice, an approval that goes stale, its renewal
by what moved."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import SignIn
from tests.stack import MODEL, Stack, Told

VERSION = f"/models/{MODEL}/versions/2/"
AT_MOST = 150


def walk_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus, as somebody without a mouse does."""
    for _ in range(AT_MOST):
        if target.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{AT_MOST} tabs do not reach {target}")


def ask_for_staging(owen: Page, reason: str) -> str:
    """Ask for a review of version 2 for staging; the review's path."""
    owen.goto(f"{VERSION}review/?environment=staging")
    owen.get_by_label("Why, and what changed").fill(reason)
    owen.get_by_role("button", name=re.compile("Ask for")).click()
    expect(owen).to_have_url(re.compile(r"/reviews/\d+/$"))
    return re.sub(r"^https?://[^/]+", "", owen.url)


def sign_by_keyboard(page: Page, password: str, reason: str) -> None:
    """Fill the seal and send it without a mouse."""
    walk_to(page, page.get_by_label("Sign: fit for Staging"))
    page.keyboard.press("Space")
    walk_to(page, page.locator("#sign-form textarea"))
    page.keyboard.type(reason)
    walk_to(page, page.get_by_label("Your password"))
    page.keyboard.type(password)
    walk_to(page, page.locator(".btn.sign"))
    page.keyboard.press("Enter")


def test_a_race_a_stale_approval_and_its_renewal_by_difference(
    stack: Stack, told: Told, sign_in: SignIn
) -> None:
    owen, anil, mara = sign_in("owen"), sign_in("anil"), sign_in("mara")
    first = ask_for_staging(owen, "Try it in staging.")

    # Anil reaches the review from his inbox and signs, all by keyboard; an older tab of his comes too late.
    anil.goto("/")
    line = anil.get_by_role("link", name=re.compile(f"{MODEL} 2 for staging"))
    walk_to(anil, line)
    anil.keyboard.press("Enter")
    expect(anil).to_have_url(re.compile(first))
    older = anil.context.new_page()
    older.goto(first)
    sign_by_keyboard(anil, told.passwords["anil"], "Fit to be tried.")
    expect(anil.locator("main")).to_contain_text("Approved")
    older.get_by_label("Sign: fit for Staging").check()
    older.locator("#sign-form textarea").fill("Words I would not like to lose.")
    older.get_by_label("Your password").fill(told.passwords["anil"])
    older.locator(".btn.sign").click()
    expect(older.locator("main")).to_contain_text("Nothing was signed")
    expect(older.locator("main")).to_contain_text("Words I would not like to lose.")

    # The card changes under the approval: it is stale, and says by what.
    mara.goto(f"{VERSION}card/edit/purpose/")
    box = mara.locator("textarea").first
    box.fill(box.input_value() + "\n\nAlso tried in staging since November.")
    mara.get_by_role("button", name=re.compile("^Save as revision")).click()
    expect(mara).to_have_url(re.compile(r"/card/"))
    owen.goto(first)
    expect(owen.locator("main")).to_contain_text("Stale")

    # Renewal: the new review shows and signs only the difference.
    owen.goto(f"{VERSION}review/?environment=staging")
    expect(owen.locator("main")).to_contain_text("1 part moved since: the card")
    second = ask_for_staging(owen, "Renewed for the card.")
    anil.goto(second)
    expect(anil.locator("#renewal")).to_contain_text("Also tried in staging since November.")
    expect(anil.locator("#sign")).to_contain_text("The difference since")
    sign_by_keyboard(anil, told.passwords["anil"], "The card says more, the model is the same.")
    expect(anil.locator("main")).to_contain_text("Approved")

    # And the promotion without a mouse.
    owen.goto(f"{VERSION}promote/staging/")
    walk_to(owen, owen.get_by_label("Reason"))
    owen.keyboard.type("Staged.")
    walk_to(owen, owen.get_by_role("button", name=re.compile("^Promote version 2 to staging")))
    owen.keyboard.press("Enter")
    expect(owen.locator("main")).to_contain_text("It is live now")
    stack.manage("verify")
