"""Chromium for the journeys: Debian's or whichever stands on PATH, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.stack import Stack, Told

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop runs in this thread

expect.set_options(timeout=15_000)  # two cores do everything at once here

SignIn = Callable[..., Page]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all journeys."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.fail(
            "The browser journeys need Chromium: apt install chromium, or leave them out with BROWSER=0."
        )
    arguments = ["--disable-gpu", "--disable-background-networking", "--no-first-run"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def sign_in(chromium: Browser, stack: Stack, told: Told) -> Iterator[SignIn]:
    """Sign somebody of the demonstration in, each in a browser of their own; returns their page."""
    contexts: list[BrowserContext] = []

    def open_browser(
        username: str, *, javascript: bool = True, width: int = 1280, scheme: str = "light"
    ) -> Page:
        context = chromium.new_context(
            java_script_enabled=javascript,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            base_url=stack.url,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.goto("/sign-in/")
        page.get_by_label("User name").fill(username)
        page.get_by_label("Password", exact=True).fill(told.passwords[username])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        return page

    yield open_browser
    for context in contexts:
        context.close()
