"""What is served beside the pages: vendored files are what they claim, and nothing points outside."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "platform" / "countersign" / "web" / "static" / "countersign"
VENDOR = STATIC / "vendor"
VENDORED = json.loads((VENDOR / "vendor.json").read_text())
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STYLES = sorted(STATIC.glob("*.css"))
SCRIPTS = sorted((STATIC / "js").glob("*.js"))


def test_vendored_files_have_the_digest_that_was_reviewed() -> None:
    listed = {name: digest for entry in VENDORED.values() for name, digest in entry["files"].items()}
    found = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "vendor.json"
    }
    assert found == listed


@pytest.mark.parametrize("name", sorted(VENDORED))
def test_a_vendored_file_has_a_version_and_a_licence(name: str) -> None:
    entry = VENDORED[name]
    folder = f"{name}-{entry['version']}"
    assert all(path.startswith(f"{folder}/") for path in entry["files"])
    assert f"{folder}/LICENSE" in entry["files"]
    assert entry["licence"]


def test_every_font_has_its_licence() -> None:
    fonts = {path.stem for path in (STATIC / "fonts").glob("*.woff2")}
    licences = [path.stem.removeprefix("LICENSE-") for path in (STATIC / "fonts").glob("LICENSE-*.txt")]
    for font in fonts:
        assert any(font.startswith(licence) for licence in licences), font


def test_styles_refer_only_to_files_that_exist() -> None:
    for style in STYLES:
        for target in re.findall(r"url\(\"?([^\")]+)\"?\)", style.read_text()):
            assert (style.parent / target).is_file(), f"{style.name}: {target}"


def test_every_colour_is_a_role() -> None:
    components = (STATIC / "components.css").read_text()
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b", components), "raw colours stand in tokens.css alone"
    assert set(re.findall(r"var\((--[\w-]+)", components)) <= _defined_properties()


def _defined_properties() -> set[str]:
    return {name for style in STYLES for name in re.findall(r"(--[\w-]+)\s*:", style.read_text())}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_keeps_to_the_policy(template: Path) -> None:
    source = template.read_text()
    for found in re.findall(r"""\s(style|on[a-z]+|hx-on[:\w-]*)=["']""", source):
        pytest.fail(f"{template}: inline {found}")
    for tag in re.findall(r"<script[^>]*>", source):
        assert " src=" in tag, f"{template}: {tag}"
    assert "<style" not in source
    for url in re.findall(r"""(?:src|action|<link[^>]*href)=["'](https?:[^"']+|//[^"']+)""", source):
        pytest.fail(f"{template}: loads {url}")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_htmx_has_a_plain_way_beside_it(template: Path) -> None:
    """Each `hx-get` is on a link with that URL, or polls; each `hx-post` on a form with that action, or on a button
    that sends its form."""
    for tag in re.findall(r"<\w[^>]*\shx-(?:get|post)=[^>]*>", template.read_text()):
        if url := re.search(r'\shx-get="([^"]*)"', tag):
            plain = re.search(r'\s(?:href|action)="([^"]*)"', tag)
            polls = re.search(r'\shx-trigger="[^"]*(?:every|load|revealed)', tag)
            assert polls or (plain and plain[1] == url[1]), f"{template}: {tag}"
        if url := re.search(r'\shx-post="([^"]*)"', tag):
            if tag.startswith("<button") and 'type="submit"' in tag and not url[1]:
                continue
            plain = re.search(r'\saction="([^"]*)"', tag)
            assert tag.startswith("<form"), f"{template}: {tag}"
            assert plain, f"{template}: {tag}"
            assert plain[1] == url[1], f"{template}: {tag}"


def test_our_scripts_are_small_and_evaluate_nothing() -> None:
    assert sum(path.stat().st_size for path in SCRIPTS) < 20_000
    for path in SCRIPTS:
        source = path.read_text()
        assert not re.search(
            r"\beval\(|new Function|document\.write|\.outerHTML\s*=|import\(|https?://", source
        )


def test_the_whole_look_stays_light() -> None:
    fonts = sum(path.stat().st_size for path in (STATIC / "fonts").glob("*.woff2"))
    assert fonts < 170_000
    assert sum(path.stat().st_size for path in STYLES) < 60_000
