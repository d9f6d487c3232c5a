"""What the documents say is so: links lead somewhere, commands and settings exist, numbers come from a command."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.databases import ROOT

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
_SETTING = re.compile(r'env\.\w+\(\s*"([A-Z_]+)"')


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def slug(heading: str) -> str:
    """The anchor a heading gets on the usual Git hosts."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file_of_ours_and_a_heading_in_it(document: str) -> None:
    folder = (ROOT / document).parent
    for target in _LINK.findall(text_of(document)):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (folder / path).resolve() if path else ROOT / document
        assert file.exists(), f"{document} links to {target}, which does not exist"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, f"{document} links to {target}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_and_management_command_it_names_exists(document: str) -> None:
    text = text_of(document)
    targets = set(_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets
    commands = {path.stem for path in ROOT.glob("*/**/management/commands/[a-z]*.py")} | {"migrate", "check"}
    commands |= {"shell", "collectstatic", "spectacular", "makemigrations", "test", "dbshell"}
    assert set(re.findall(r"manage\.py ([a-z_]+)", text)) <= commands


def test_every_setting_stands_in_the_operating_guide() -> None:
    settings = set(_SETTING.findall((ROOT / "platform/countersign/settings.py").read_text(encoding="utf-8")))
    assert len(settings) > 15
    told = text_of("docs/operating.md").replace("`…_", "`COUNTERSIGN_EVALUATION_")
    assert {name for name in settings if f"`{name}`" not in told} == set()


def test_no_document_names_a_folder_of_somebodys_machine() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "*.md", "*.yaml", "*.toml", "Makefile"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.decode()
    for name in filter(None, tracked.split("\0")):
        path = Path(ROOT / name)
        if path.exists():
            assert not re.search(
                r"(?<![\w./])/(home|work|root|Users)/\w", path.read_text(encoding="utf-8")
            ), name


def test_the_readme_opens_with_what_it_is_a_picture_and_two_commands() -> None:
    opening = text_of("README.md").split("\n## ")[0]
    picture, commands = opening.index("!["), opening.index("```")
    assert picture < commands
    block = opening[commands:].split("```")[1].strip().splitlines()
    assert [line.split()[0] for line in block] == ["git", "make"]


def test_numbers_of_speed_name_the_command_that_measures_them() -> None:
    for document in DOCUMENTS:
        if re.search(r"\d (?:MB/s|entries a second|ms\b)", text_of(document)):
            assert "make bench" in text_of(document), document
