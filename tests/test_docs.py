"""What the documents say is so: links lead somewhere, commands and settings exist, numbers come from a command."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

from demo.client import Client
from tests.databases import ROOT
from tests.stack import MODEL, Stack, Told

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


# --- the tutorial ----------------------------------------------------------------------------------------

_STEP = re.compile(r"^```bash\n(.*?)^```$|^<!-- browser: (\w+) -->$", re.MULTILINE | re.DOTALL)


class Terminal:
    """One bash for the whole page, as a newcomer has it."""

    def __init__(self, environment: Path) -> None:
        self._environment = environment
        self._bash = subprocess.Popen(
            ["bash", "-uo", "pipefail"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, block: str) -> str:
        """What a block printed. AssertionError where a command of it failed."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        block = block.replace(". .countersign/env", f". {shlex.quote(str(self._environment))}")
        self._bash.stdin.write(f"set -e\n{block}\nset +e\necho; echo '== done'\n")
        self._bash.stdin.flush()
        printed = []
        for line in self._bash.stdout:
            if line == "== done\n":
                return "".join(printed)
            printed.append(line)
        raise AssertionError("the tutorial's command failed:\n" + block + "".join(printed))

    def close(self) -> None:
        self._bash.kill()
        self._bash.wait()


class Browsers:
    """The forms of the tutorial's browser steps, each sent by the person who sends it there."""

    def __init__(self, stack: Stack, told: Told, number: str) -> None:
        self._stack, self._told, self._number = stack, told, number
        self._version = f"/models/{MODEL}/versions/{number}"

    def _as(self, username: str) -> Client:
        client = Client(self._stack.url)
        client.sign_in(username, self._told.passwords[username])
        return client

    def card(self) -> None:
        mara = self._as("mara")
        texts = mara.get(f"models/{MODEL}/versions/2/card")["sections"]
        written = (
            {one["id"]: one["text"] for one in texts if one.get("text")} if isinstance(texts, list) else texts
        )
        mara.submit(f"{self._version}/card/edit/", {"act": "save", "base_revision": "", **written})

    def review(self) -> None:
        self._as("owen").submit(
            f"{self._version}/review/", {"environment": "production", "reason": "The tutorial", "due_on": ""}
        )
        review = next(
            one["number"]
            for one in self._as("owen").get("reviews")["results"]
            if str(one["version"]) == self._number
        )
        for username, requirement in (("rosa", "validation"), ("anil", "approval")):
            signer = self._as(username)
            seen = signer.get(f"reviews/{review}")
            signer.post(
                f"reviews/{review}/sign-offs",
                {
                    "requirement": requirement,
                    "decision": "approve",
                    "subject_digest": seen["subject_digest"],
                    "reason": "Read the evidence",
                    "password": self._told.passwords[username],
                },
            )

    def promote(self) -> None:
        self._as("owen").submit(
            f"{self._version}/promote/production/", {"reason": "Approved in the tutorial"}
        )


def test_a_newcomer_gets_through_the_tutorial(stack: Stack, told: Told) -> None:
    environment = stack.home / "tutorial-env"
    environment.write_text("".join(f"export {k}={shlex.quote(v)}\n" for k, v in stack.environment.items()))
    terminal, browsers, said = Terminal(environment), None, []
    try:
        for step in _STEP.finditer(text_of("docs/tutorial.md")):
            block, form = step.groups()
            if form:
                assert browsers is not None
                getattr(browsers, form)()
                continue
            said.append(terminal.run(block))
            if number := re.search(r"Uploaded version (\d+)", said[-1]):
                browsers = Browsers(stack, told, number[1])
    finally:
        terminal.close()
    whole = "\n".join(said)
    assert '"allowed":false' in whole
    assert "everything holds" in whole
    assert re.search(r"HOLDS: \d+ files", whole)
    assert "DOES NOT HOLD: " in said[-1]
