"""Sentences that tell people what an entry says. Each folder registers those of its verbs in its
presenters.py."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from countersign.ledger import verbs
from countersign.web.formats import plural

ERASED = "(erased)"
"""What stands for a personal value that is no longer held."""


@dataclass(frozen=True, slots=True)
class Link:
    """A word of a sentence that leads somewhere."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """What happened, as words and links; it names no actor, whose column stands beside it."""

    parts: tuple[str | Link, ...]

    @classmethod
    def of(cls, *parts: str | Link) -> Sentence:
        """A sentence of these parts, joined as they are."""
        return cls(parts)

    def after_name(self) -> Sentence:
        """The sentence as it follows the name of its actor: without a capital at its beginning."""
        first = self.parts[0] if self.parts else ""
        if not isinstance(first, str) or first[1:2].isupper():
            return self
        return Sentence((first[:1].lower() + first[1:], *self.parts[1:]))

    def __str__(self) -> str:
        return "".join(part.text if isinstance(part, Link) else part for part in self.parts)

    def __html__(self) -> SafeString:
        """Escaped HTML; Django's templates and `conditional_escape` use it by themselves."""
        return format_html_join(
            "",
            "{}",
            (
                (format_html('<a href="{}">{}</a>', part.url, part.text) if isinstance(part, Link) else part,)
                for part in self.parts
            ),
        )


Found = TypeVar("Found")

_UUID_LENGTH = 36
_told: ContextVar[tuple[frozenset[UUID], dict[Any, Mapping[UUID, Any]]] | None] = ContextVar(
    "told", default=None
)


class Lookup(Generic[Found]):
    """Things that sentences name, by id: read once for a whole list inside `telling`, one by one outside.

    `load` gets ids, of which only some may be its own, and gives what it knows."""

    def __init__(self, load: Callable[[Collection[UUID]], Mapping[UUID, Found]]) -> None:
        self._load = load

    def of(self, ref: str | UUID | None) -> Found | None:
        """The thing of this id, or None where there is none (any more)."""
        if ref is None:
            return None
        wanted = ref if isinstance(ref, UUID) else UUID(ref)
        telling = _told.get()
        if telling is None or wanted not in telling[0]:
            return self._load([wanted]).get(wanted)
        ids, loaded = telling
        if self not in loaded:
            loaded[self] = self._load(ids)
        return loaded[self].get(wanted)


def telling(leaves: Iterable[Mapping[str, Any]]) -> AbstractContextManager[None]:
    """Inside, each lookup reads what all these leaves name in one query, when the first sentence asks for it."""
    ids: set[UUID] = set()
    for leaf in leaves:
        _note_ids([leaf["actor"], leaf["subject"], leaf["data"]], ids)
    return naming(ids)


_words: list[tuple[Lookup[Any], Callable[[Any], Link | str]]] = []


def name_with(lookup: Lookup[Found], words: Callable[[Found], Link | str]) -> None:
    """Say how the things a lookup knows are called where an entry's values hold their ids."""
    _words.append((lookup, words))


def words_of(ref: str) -> Link | str | None:
    """How the thing of this id is called; None where nobody knows it, or the text is no id."""
    try:
        wanted = UUID(ref) if len(ref) == _UUID_LENGTH else None
    except ValueError:
        wanted = None
    if wanted is None:
        return None
    for lookup, words in _words:
        if (found := lookup.of(wanted)) is not None:
            return words(found)
    return None


@contextmanager
def naming(ids: Iterable[UUID]) -> Iterator[None]:
    """Inside, each lookup reads these ids in one query, when the first of them is asked for."""
    token = _told.set((frozenset(ids), {}))
    try:
        yield
    finally:
        _told.reset(token)


def _note_ids(value: Any, ids: set[UUID]) -> None:
    if isinstance(value, str):
        if len(value) == _UUID_LENGTH and value.count("-") == 4:
            try:
                ids.add(UUID(value))
            except ValueError:
                return
    elif isinstance(value, Mapping):
        for inner in value.values():
            _note_ids(inner, ids)
    elif isinstance(value, list):
        for inner in value:
            _note_ids(inner, ids)


Presenter = Callable[[dict[str, Any]], Sentence]

_presenters: dict[tuple[str, int], Presenter] = {}


def sentence(verb_name: str, version: int = 1) -> Callable[[Presenter], Presenter]:
    """Decorator: this function tells entries of that verb and version. It gets the leaf, whose `personal`
    maps each field to its value, or to ERASED. Raises ValueError when there is one already."""

    def decorate(presenter: Presenter) -> Presenter:
        if (verb_name, version) in _presenters:
            raise ValueError(f"there is a sentence for {verb_name} version {version} already")
        _presenters[verb_name, version] = presenter
        return presenter

    return decorate


def present(leaf: Mapping[str, Any], personal: Mapping[str, str]) -> Sentence:
    """The sentence of a leaf, with the personal values that are still held; a plain one made from the verb's
    name where nobody registered a better."""
    shown = dict(leaf) | {"personal": {name: personal.get(name, ERASED) for name in leaf["personal"]}}
    presenter = _presenters.get((leaf["verb"], leaf["verb_version"]), _default)
    return presenter(shown)


def _default(leaf: dict[str, Any]) -> Sentence:
    words = leaf["verb"].split(".")[1:] or [leaf["verb"]]
    return Sentence.of(" ".join(words).replace("_", " ").capitalize())


@sentence(verbs.CREATED.name)
def _created(leaf: dict[str, Any]) -> Sentence:
    return Sentence.of(f"Began the ledger {leaf['data']['after']['origin']}")


@sentence(verbs.VERIFICATION_REQUESTED.name)
def _verification_requested(leaf: dict[str, Any]) -> Sentence:
    return Sentence.of("Asked for a verification of the whole ledger")


@sentence(verbs.VERIFICATION_PASSED.name)
def _verification_passed(leaf: dict[str, Any]) -> Sentence:
    told = leaf["data"]["after"]["details"]
    return Sentence.of(
        f"Verified the ledger: {told['size']:,} entries, {told['checkpoints']:,} checkpoints and "
        f"{told['subjects']:,} rows hold"
    )


@sentence(verbs.VERIFICATION_FAILED.name)
def _verification_failed(leaf: dict[str, Any]) -> Sentence:
    told = leaf["data"]["after"]["details"]
    found = sum(told["findings"].values())
    return Sentence.of(
        f"Verified the ledger, which does not hold: {plural(found, 'finding')} in "
        f"{', '.join(sorted(told['findings']))}"
    )


@sentence(verbs.VERIFIER_PUBLISHED.name)
def _verifier_published(leaf: dict[str, Any]) -> Sentence:
    return Sentence.of(f"Published the offline verifier {leaf['data']['after']['details']['sha256']}")
