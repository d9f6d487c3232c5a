"""axe-core on every page, in both schemes: no serious violation; and every page whole on a phone."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.pages import CRAWLERS, addresses, routes
from tests.stack import Stack, Told

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
SERIOUS = {"serious", "critical"}
CONTRAST = "color-contrast"
LOOKS = """() => {
  // Of every text: what its contrast comes of, as this scheme computes it, so that like can be told from like.
  const known = new Map(), names = new Map();
  const look = element => {
    if (!element) return "";
    if (!known.has(element)) {
      const it = getComputedStyle(element);
      const own = [
        it.color, it.backgroundColor, it.backgroundImage, it.opacity, it.fontSize, it.fontWeight, it.textShadow,
        it.position, it.zIndex, it.mixBlendMode, it.filter, it.display, it.visibility, it.clipPath, it.overflow,
      ];
      const whole = [look(element.parentElement), ...own].join("|");
      if (!names.has(whole)) names.set(whole, names.size);
      known.set(element, names.get(whole));
    }
    return known.get(element);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  window.looks = window.looks || new Map();
  while (texts.nextNode()) {
    const text = texts.currentNode, around = text.parentElement;
    if (!text.data.trim() || !(around instanceof HTMLElement) || around.closest("script, style, option, textarea"))
      continue;
    window.looks.set(text, [window.looks.get(text), look(around)].join(" "));
  }
}"""
BLANK_LIKES = """() => {
  const seen = new Set();
  window.blanked = [];
  for (const [text, look] of window.looks) {
    if (!seen.has(look)) { seen.add(look); continue; }
    window.blanked.push([text, text.data]);
    text.data = "\\u00a0".repeat(text.data.length);
  }
}"""
WIDTH = """() => {
  for (const [text, data] of window.blanked) text.data = data;
  return document.documentElement.scrollWidth;
}"""


@pytest.fixture(scope="module")
def pages(chromium: Browser, stack: Stack, told: Told) -> Any:
    """A signed-in page of each crawler, and the address of every page."""
    passwords = told.passwords | {stack.administrator["username"]: stack.administrator["password"]}
    opened: dict[str, Page] = {}
    cookies: dict[str, dict[str, str]] = {}
    for name in CRAWLERS:
        context = chromium.new_context(
            base_url=stack.url,
            viewport={"width": 1280, "height": 900},
            reduced_motion="reduce",  # a colour on its way to another is neither
        )
        page = opened[name] = context.new_page()
        page.goto("/sign-in/")
        page.get_by_label("User name").fill(name)
        page.get_by_label("Password", exact=True).fill(passwords[name])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        cookies[name] = {one["name"]: one["value"] for one in context.cookies()}
    found = addresses(stack.url, cookies)
    yield opened, found
    for page in opened.values():
        page.context.close()


def violations(page: Page, *, only: str = "", without: str = "") -> list[str]:
    """What axe-core finds serious on the page as it is now, each with the element it is about: by all rules, by one
    or by all but one."""
    # style sheets would be fetched again for one rule, which is experimental and off
    options: dict[str, Any] = {"resultTypes": ["violations"], "preload": {"assets": ["media"]}}
    if only:
        options["runOnly"] = {"type": "rule", "values": [only]}
    if without:
        options["rules"] = {without: {"enabled": False}}
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)  # a script tag would break our own content security policy
    result = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{one['id']}: {one['help']} ({one['nodes'][0]['target']}: {one['nodes'][0]['html'][:160]})"
        for one in result["violations"]
        if one["impact"] in SERIOUS
    ]


def test_links_lead_to_every_page(pages: Any) -> None:
    _, found = pages
    assert not (missing := sorted(routes() - found.keys())), "\n".join(missing)


def test_no_page_is_hard_to_use_in_light_or_dark_or_on_a_phone(pages: Any) -> None:
    """The contrast of every text is asked in both schemes, everything else once; no page scrolls sideways at 390 px,
    none breaks the content security policy, each has one heading of the first level and a title of its own. Of texts
    that both schemes draw alike on a like ground, as in the rows of a table, the contrast of one is that of all."""
    opened, found = pages
    wrong: list[str] = []
    said: list[str] = []
    for page in opened.values():
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
    for route, (name, path) in sorted(found.items()):
        page = opened[name]
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(path)
        problems = violations(page, without=CONTRAST)
        page.evaluate(LOOKS)
        page.emulate_media(color_scheme="dark")
        page.evaluate(LOOKS)
        page.evaluate(BLANK_LIKES)
        problems += [f"dark: {one}" for one in violations(page, only=CONTRAST)]
        page.emulate_media(color_scheme="light")
        problems += violations(page, only=CONTRAST)
        page.set_viewport_size({"width": 390, "height": 844})
        if page.evaluate(WIDTH) > 390:
            problems.append("scrolls sideways at 390 px")
        if page.locator("h1").count() != 1:
            problems.append("has not exactly one h1")
        wrong += [f"{route} {path} as {name}: {one}" for one in problems]
    assert not wrong, "\n".join(wrong)
    assert said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sign_in_page_and_the_error_pages_too(chromium: Browser, stack: Stack, scheme: Any) -> None:
    context = chromium.new_context(base_url=stack.url, color_scheme=scheme)
    page = context.new_page()
    wrong: list[str] = []
    for path in ("/sign-in/", "/no-such-page/", "/api/docs"):
        page.goto(path)
        wrong += [f"{path}: {one}" for one in violations(page)]
    context.close()
    assert wrong == []
