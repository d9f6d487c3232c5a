"""Read what a model's process answers, trusting none of it.

The records are described in `inside.answers`. There is no parser that could be attacked: counts are checked
before a byte of content is taken, notes are small JSON with exact types, values are float64 as they come.
"""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from governance.evaluation.labels import canonical_label

from .failures import Refusal, listed, not_predictions, one_line, printable, refusal_from_note
from .inside.answers import END, LONGEST_TEXT, NOTE, REFUSED
from .limits import Limits

if TYPE_CHECKING:
    import numpy

# A thousand class labels of some length find room in the header.
_LONGEST_NOTE = 1 << 18
_LONGEST_LABEL = 200
_LONGEST_REASON = 300


class NoteReader:
    """Takes records off a growing buffer; subclasses say what a note and rows mean."""

    def __init__(self, limits: Limits, longest_note: int = _LONGEST_NOTE) -> None:
        self.limits = limits
        self.complete = False
        # From then on, what is written may be the model's doing and not our program's.
        self.model_was_read = False
        self._buffer = bytearray()
        self._longest_note = longest_note

    def feed(self, piece: bytes) -> None:
        """Take more bytes. Raises Refusal at the first that cannot be part of an honest answer."""
        if self.complete:
            raise not_predictions("bytes after the end")
        self._buffer += piece
        while len(self._buffer) >= 8 and self._take():
            pass
        if self.complete and self._buffer:
            raise not_predictions("bytes after the end")

    def _take(self) -> bool:
        """Take one record; False when it has not arrived in full."""
        (head,) = struct.unpack_from("<Q", self._buffer)
        if head == END:
            self.end()
            self.complete = True
            del self._buffer[:8]
            return False
        if head not in (NOTE, REFUSED):
            return self.rows(head)
        text = self._text(self._longest_note if head == NOTE else LONGEST_TEXT)
        if text is None:
            return False
        if head == REFUSED:
            self.refused(one_line(text.decode(errors="replace"))[:_LONGEST_REASON])
            return True
        note = _json(text)
        if note.get("stage") == "failed":
            raise refusal_from_note(note, self.limits, model_was_read=self.model_was_read)
        self.note(note)
        return True

    def _text(self, longest: int) -> bytes | None:
        """Take what follows a marker: a length and that many bytes; None when they are not all there."""
        if len(self._buffer) < 12:
            return None
        (length,) = struct.unpack_from("<I", self._buffer, 8)
        if length > longest:
            raise not_predictions("a note that is too long")
        if len(self._buffer) < 12 + length:
            return None
        content = bytes(self._buffer[12 : 12 + length])
        del self._buffer[: 12 + length]
        return content

    def note(self, note: dict[str, Any]) -> None:
        """Take a note that is no failure."""
        raise NotImplementedError

    def refused(self, said: str) -> None:
        """Take the model's reason for not answering a batch that may fail."""
        raise not_predictions("an unknown record")

    def rows(self, count: int) -> bool:
        """Take `count` rows, whose head still lies in the buffer; False when they are not all there."""
        raise not_predictions("an unknown record")

    def end(self) -> None:
        """Check that the end may come now."""


def _json(content: bytes) -> dict[str, Any]:
    try:
        note = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise not_predictions("a note that is not JSON") from error
    if type(note) is not dict:
        raise not_predictions("a note that is not an object")
    return note


class PredictionReader(NoteReader):
    """Collects `expected` rows of predictions, and when each batch was answered.

    `probabilities`: a column for each class is expected, otherwise one number a row and no classes. `keep`: of
    two classes the one whose column alone is kept. Batches from `tolerated_from` on may fail: their rows are NaN
    and `refusals` says why. `sent` holds, for each batch handed over, its rows and the moment its last byte was
    taken from us; the caller appends to it. Latency is measured here, at the pipe, because the model's own clock
    is its word.
    """

    def __init__(
        self,
        *,
        expected: int,
        limits: Limits,
        sent: list[tuple[int, float]],
        clock: Callable[[], float],
        probabilities: bool = True,
        keep: str | None = None,
        tolerated_from: int | None = None,
    ) -> None:
        super().__init__(limits)
        self._probabilities = probabilities
        self._keep = keep
        self._tolerated_from = tolerated_from
        self.classes: tuple[str, ...] = ()
        self.libraries: dict[str, str] = {}
        self.import_seconds = 0.0
        self.load_seconds = 0.0
        self.latencies: list[float] = []
        self.refusals: dict[int, str] = {}
        self.received = 0
        self._faults = Faults()
        self._expected = expected
        self._sent = sent
        self._clock = clock
        self._stages = ["imported", "loaded", "header"]
        self._last = clock()
        self._columns = 0
        self._kept = slice(None)
        self._scores: numpy.ndarray | None = None

    @property
    def scores(self) -> "numpy.ndarray":
        """The predictions, rows x k float64. Only after the end was reached."""
        if not self.complete or self._scores is None:
            raise RuntimeError("asked for predictions before they were complete")
        return self._scores

    def note(self, note: dict[str, Any]) -> None:
        """Take the stages in their order."""
        if not self._stages or note.get("stage") != self._stages.pop(0):
            raise not_predictions("a note out of order")
        if note["stage"] == "header":
            # Sent together with the first answer, so it starts no clock.
            self._header(note)
            return
        now = self._clock()
        elapsed, self._last = now - self._last, now
        if note["stage"] == "imported":
            # Written before the model was opened, by our own program: the one note that can be believed.
            self.libraries = {str(name): str(version) for name, version in note["versions"].items()}
            self.import_seconds = elapsed
            self.model_was_read = True
        else:
            self.load_seconds = elapsed

    def _header(self, note: dict[str, Any]) -> None:
        import numpy

        count, classes = note.get("k"), note.get("classes")
        if type(count) is not int or not 1 <= count <= self.limits.columns:
            raise not_predictions(f"a number of columns outside 1 to {self.limits.columns}")
        if type(classes) is not list or any(type(label) is not str for label in classes):
            raise not_predictions("class labels that are not text")
        if not self._probabilities and (count != 1 or classes):
            raise not_predictions("more than one number for each row")
        if self._probabilities and (len(classes) != count or len(set(classes)) != count):
            raise not_predictions("not one class label for each column")
        if any(len(label) > _LONGEST_LABEL or printable(label) != label for label in classes):
            raise not_predictions("class labels that cannot be shown")
        self.classes = tuple(classes)
        self._columns = count
        if self._keep is not None:
            place = self._class_kept()
            self._kept = slice(place, place + 1)
        width = count if self._keep is None else 1
        if self._expected * width * 8 > self.limits.score_bytes:
            raise Refusal(
                "too_many_predictions",
                f"The model gives {count} numbers for each of {self._expected} rows, more than the "
                f"{self.limits.score_bytes / (1 << 30):.3g} GB that are kept. Evaluate it on fewer rows.",
            )
        self._scores = numpy.empty((self._expected, width), dtype="<f8")

    def _class_kept(self) -> int:
        labels = [canonical_label(label) for label in self.classes]
        if len(labels) == 2 and canonical_label(self._keep) in labels:
            return labels.index(canonical_label(self._keep))
        raise Refusal(
            "not_binary",
            f"The model gives {len(labels)} scores a row for the classes {listed(self.classes)}; a binary "
            f"classifier with the class “{self._keep}” was expected.",
        )

    def rows(self, count: int) -> bool:
        """Take one batch of predictions, exactly as many as the batch had rows."""
        import numpy

        if count != self._wanted(count):
            raise self._wrong_count(self.received + count)
        size = 8 + count * self._columns * 8
        if len(self._buffer) < size:
            return False
        # No copy: a batch of many columns is half a gigabyte.
        values = numpy.frombuffer(self._buffer, dtype="<f8", count=count * self._columns, offset=8)
        values = values.reshape(count, self._columns)
        faults = Faults.of(values, probabilities=self._probabilities)
        if self._may_fail() and (refusal := faults.refusal(count)):
            self._fail(refusal.message.split(". ")[0] + ".")
        else:
            self._faults += faults
            self._put(values[:, self._kept], count)
        del values  # else the buffer may not shrink
        del self._buffer[:size]
        return True

    def refused(self, said: str) -> None:
        """The model could not answer this batch, and may fail to."""
        self._wanted()
        if not self._may_fail():
            raise not_predictions("a refusal where none is allowed")
        self._fail(f"The model could not answer; its process said: {said or 'nothing'}")

    def _fail(self, reason: str) -> None:
        self.refusals[len(self.latencies)] = reason
        self._put(float("nan"), self._wanted())

    def _may_fail(self) -> bool:
        return self._tolerated_from is not None and len(self.latencies) >= self._tolerated_from

    def _wanted(self, count: int = 1) -> int:
        """The rows of the batch that is to be answered next, of which `count` have come."""
        if self._scores is None:
            raise not_predictions("predictions before their header")
        if len(self.latencies) >= len(self._sent):
            raise self._wrong_count(self.received + count)
        return self._sent[len(self.latencies)][0]

    def _put(self, values: "numpy.ndarray | float", count: int) -> None:
        if self._scores is not None:
            self._scores[self.received : self.received + count] = values
            self._tidy(self._scores[self.received : self.received + count])
        self.received += count
        now = self._clock()
        self.latencies.append(now - max(self._sent[len(self.latencies)][1], self._last))
        self._last = now

    def _tidy(self, values: "numpy.ndarray") -> None:
        """What rounding has put beyond 0 or 1, which `Faults` lets pass, is 0 or 1; and there is one zero."""
        if self._probabilities:
            values.clip(0, 1, out=values)
        values += 0.0

    def faults(self) -> Refusal | None:
        """What is wrong with the numbers themselves, batches that may fail left out; None where nothing is."""
        return self._faults.refusal(self._expected)

    def end(self) -> None:
        """The model's process says it has answered everything."""
        if self._scores is None:
            raise not_predictions("an end before any prediction")
        if self.received != self._expected:
            raise self._wrong_count(self.received)

    def _wrong_count(self, returned: int) -> Refusal:
        return Refusal(
            "wrong_row_count",
            f"The model returned {_plain(returned)} predictions for {self._rows_asked(returned)} rows. "
            "It must return exactly one row for each row it is given, in the same order.",
        )

    def _rows_asked(self, returned: int) -> int:
        """The rows asked for so far, as far as the answer in question goes."""
        if returned and len(self.latencies) < len(self._sent):
            return self.received + self._sent[len(self.latencies)][0]
        return self._expected


def _plain(count: int) -> str:
    return str(count) if count < 1 << 40 else "far too many"


@dataclass(frozen=True, slots=True)
class Faults:
    """Rows that are not finite, and rows of finite probabilities outside 0 to 1. Rounding may leave that range by
    1e-9, not more."""

    not_finite: int = 0
    out_of_range: int = 0

    @classmethod
    def of(cls, scores: "numpy.ndarray", *, probabilities: bool) -> "Faults":
        """Count them in rows x k numbers."""
        import numpy

        not_finite = len(scores) - int(numpy.isfinite(scores).all(axis=1).sum())
        outside = probabilities and int(((scores < -1e-9) | (scores > 1 + 1e-9)).any(axis=1).sum())
        return cls(not_finite, int(outside))

    def __add__(self, other: "Faults") -> "Faults":
        return Faults(self.not_finite + other.not_finite, self.out_of_range + other.out_of_range)

    def refusal(self, rows: int) -> Refusal | None:
        """The first that counts, as a sentence about `rows` rows."""
        if self.not_finite:
            return Refusal(
                "not_finite",
                f"{self.not_finite} of {rows} predictions are not finite numbers (NaN or infinite). Find the rows "
                "the model cannot handle, for example missing values, and correct the model.",
            )
        if self.out_of_range:
            return Refusal(
                "out_of_range",
                f"{self.out_of_range} of {rows} predictions lie outside 0 to 1. predict_proba must return "
                "probabilities; calibrate the model, for example with CalibratedClassifierCV.",
            )
        return None
