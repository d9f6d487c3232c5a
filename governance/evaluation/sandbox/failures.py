"""Why an evaluation failed, as a stable code and a sentence that says what to do."""

import errno
import os
import re
import signal
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, get_args

from .limits import Limits

if TYPE_CHECKING:
    from .process import Ended

Code = Literal[
    "out_of_memory",
    "out_of_time",
    "out_of_cpu",
    "crashed",
    "no_predictions",
    "not_predictions",
    "wrong_row_count",
    "not_finite",
    "out_of_range",
    "not_numbers",
    "no_probabilities",
    "not_binary",
    "too_many_predictions",
    "no_predict",
    "not_a_regressor",
    "several_numbers",
    "not_columns",
    "wrong_schema",
    "library_version",
    "missing_module",
    "missing_name",
    "missing_library",
    "untrusted_types",
    "cannot_load",
    "forbidden",
    "cancelled",
    "sandbox_unavailable",
    "supervisor_lost",
]
CODES: tuple[Code, ...] = get_args(Code)

LONGEST_SAID = 2000
BRING = "Or upload its scores instead (bring predictions)."
_SHOWN = 10
_LONGEST_NAME = 80


class EvaluationFailed(Exception):
    """A model could not be evaluated.

    `code` is one of CODES and never changes its meaning. `message` is a sentence of ours. `said` is what the
    model's process said, printable characters only and at most 2,000: it is the model's word, shown as such.
    `circumstances` hold what was measured until then.
    """

    def __init__(
        self, code: Code, message: str, said: str = "", circumstances: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.said = said
        self.circumstances = circumstances or {}


class Refusal(Exception):
    """Found by the parent while a model runs: there is no point in letting it go on."""

    def __init__(self, code: Code, message: str, said: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.said = said


def printable(text: str) -> str:
    """`text` without control, formatting and bidirectional characters; line breaks stay."""
    return "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text)


def one_line(text: str) -> str:
    """The end of `text` as one printable line of at most LONGEST_SAID characters."""
    return printable(" ".join(text.split()))[-LONGEST_SAID:]


def listed(names: Iterable[Any]) -> str:
    """Names from a model's file for a sentence: printable, shortened, at most ten."""
    items = [printable(str(name).replace("\n", " "))[:_LONGEST_NAME] for name in names]
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


def refusal_from_note(note: dict[str, Any], limits: Limits, *, model_was_read: bool) -> Refusal:
    """The model's process reported a failure itself. The whole note is its word: checked and shortened.

    Once the model was read, it must not be able to blame the host.
    """
    claimed = note.get("code")
    code = next((code for code in CODES if code == claimed and code in _REPORTABLE), None)
    if code is None or (code == "sandbox_unavailable" and model_was_read):
        return Refusal("not_predictions", _not_predictions("an unknown report"))
    said = one_line(note["said"]) if isinstance(note.get("said"), str) else ""
    if code == "sandbox_unavailable" and "libgomp" in said:
        code = "missing_library"
    return Refusal(code, _reported(code, note, limits), said)


def _reported(code: Code, note: dict[str, Any], limits: Limits) -> str:
    if code == "out_of_memory":
        return _out_of_memory(limits)
    if code == "wrong_schema":
        return _wrong_schema(note)
    if code == "library_version":
        theirs, ours = listed([note.get("built_with")]), listed([note.get("worker_has")])
        return (
            f"The model was built with scikit-learn {theirs}; this worker has {ours}. Models do not load "
            f"reliably in another release: train or export it again with scikit-learn {ours}. {BRING}"
        )
    if code == "missing_module":
        return (
            f"The model needs the Python module “{listed([note.get('module')])}”, which this worker does not have; "
            f"nothing is installed for a model. Export it again without that module. {BRING}"
        )
    if code == "missing_name":
        return _missing_name(note)
    if code == "not_columns":
        shape = note.get("shape")
        return (
            f"The model asks for an input of shape [{listed(shape if isinstance(shape, list) else [])}] "
            f"(“{listed([note.get('input')])}”); rows of columns cannot be given to it. Upload its scores instead "
            "(bring predictions)."
        )
    if code == "untrusted_types":
        types = note.get("types")
        names = listed(types if isinstance(types, list) else [])
        return (
            f"The file holds types that are not on the list of reviewed types: {names}. Export the model "
            f"without them, or ask an administrator to have them reviewed. {BRING}"
        )
    if code == "forbidden" and note.get("errno") in (errno.EACCES, errno.ENOENT):
        return (
            "The model tried to read outside its folder. In its sandbox it has its own file and its libraries, "
            "nothing else: put what it needs into that file and upload it as a new version."
        )
    if code == "several_numbers":
        return (
            f"The model gives {listed([note.get('given')])} numbers for each row, and one is measured. "
            "Export a model of one target."
        )
    if (
        code in ("no_probabilities", "no_predict")
        and isinstance(note.get("transforms"), str)
        and note["transforms"]
    ):
        return (
            f"The file holds a {listed([note['transforms']])}, which makes columns for a model and predicts nothing "
            "itself. Export one pipeline of it and the model that reads those columns, and upload that as a new "
            "version."
        )
    if code in ("no_probabilities", "no_predict") and isinstance(note.get("outputs"), list):
        wanted = "class probabilities" if code == "no_probabilities" else "the number it predicts"
        return (
            f"None of the model's outputs can be told to be {wanted}: {listed(note['outputs'])}. Export it with one "
            f"output of floating-point numbers, a row for each row. {BRING}"
        )
    if code == "no_probabilities" and isinstance(note.get("objective"), str):
        return (
            f"The model was trained with the objective {listed([note['objective']])}, which gives no probabilities. "
            "Train it with binary:logistic or multi:softprob (XGBoost), binary or multiclass (LightGBM); if it "
            "predicts a number, upload it with task: regression in its signature."
        )
    if code == "no_probabilities" and note.get("lacks") == "classes_":
        return (
            "The model does not say which classes its probabilities stand for (classes_). "
            "Export a fitted classifier."
        )
    return _REPORTABLE[code]


# Codes the model's process may report, with the sentence of those that need no facts.
_REPORTABLE: dict[Code, str] = {
    "out_of_memory": "",
    "wrong_schema": "",
    "library_version": "",
    "untrusted_types": "",
    "missing_module": "",
    "missing_name": "",
    "not_columns": "",
    "missing_library": (
        "This worker lacks the system library libgomp.so.1, which LightGBM needs. Ask an administrator to install "
        "libgomp1 on the worker (apt-get install libgomp1) and start the evaluation again."
    ),
    "no_probabilities": (
        "The model has no predict_proba, so it gives no probabilities to evaluate. Export a classifier that "
        "does, for example wrapped in CalibratedClassifierCV. If it predicts a number, upload it with "
        "task: regression in its signature."
    ),
    "no_predict": (
        "The model has no predict, so it gives no numbers to evaluate. Export a fitted regressor."
    ),
    "not_a_regressor": (
        "The model is a classifier, and its signature says that it predicts a number. Upload it again without task: "
        "regression or ranking in its signature, and evaluate it on data with a positive label."
    ),
    "several_numbers": "",
    "not_numbers": (
        "The model's predictions are not numbers. It must return an array of real numbers, one row for each row "
        "it was given."
    ),
    "cannot_load": (
        "The model could not be loaded. Check that it needs only the libraries of this worker and no code of "
        "your own, export it again and upload it as a new version. "
        f"{BRING}"
    ),
    "forbidden": (
        "The model tried to use something outside its sandbox: a file, the network, another program or "
        "another process. Remove that from the model and upload it as a new version."
    ),
    "crashed": (
        "The model raised an error while it predicted. Read what its process said, correct the model and "
        "upload it as a new version."
    ),
    "sandbox_unavailable": (
        "The libraries a model needs could not be imported in the sandbox. Ask an administrator to check the "
        "worker's installation."
    ),
}


def _missing_name(note: dict[str, Any]) -> str:
    name, module = listed([note.get("name")]), listed([note.get("module")])
    if module == "__main__":
        return (
            f"The model refers to “{name}” of the program that wrote it (__main__): a function or class of a script "
            "or notebook, which is not in the file and not on this worker. Export the model without it, for "
            f"example with scikit-learn's own transformers. {BRING}"
        )
    return (
        f"The model refers to “{name}” of the module “{module}”, which this worker's release does not have. Export "
        f"it again with the worker's libraries. {BRING}"
    )


def _wrong_schema(note: dict[str, Any]) -> str:
    missing, extra = note.get("missing"), note.get("extra")
    remedy = (
        f"Choose the dataset version the model was made for, or train the model on these columns. {BRING}"
    )
    parts = []
    if isinstance(missing, list) and missing:
        parts.append(f"it lacks {listed(missing)}")
    if isinstance(extra, list) and extra:
        parts.append(f"it has {listed(extra)} in addition")
    if parts:
        return (
            f"The dataset's columns are not those the model was trained on: {' and '.join(parts)}. {remedy}"
        )
    wanted, given = note.get("wanted"), note.get("given")
    if isinstance(wanted, int) and isinstance(given, int):
        made = (
            " If a vectorizer or an encoder makes its columns out of these, export both as one pipeline."
            if wanted > given
            else ""
        )
        return f"The model was trained on {wanted:,} columns; the dataset gives {given:,}.{made} {remedy}"
    return f"The model does not accept the dataset's columns. {remedy}"


def _out_of_memory(limits: Limits) -> str:
    return (
        f"The model used more memory than allowed ({limits.memory_bytes / (1 << 30):.3g} GB). Evaluate a "
        "smaller model, or ask an administrator to raise the memory limit of evaluations."
    )


def _not_predictions(what: str) -> str:
    return (
        f"The model's process wrote something that is not predictions ({what}). Make sure the model only "
        "returns its predictions and writes to nothing itself."
    )


def not_predictions(what: str) -> Refusal:
    """The refusal for bytes that are no record of ours."""
    return Refusal("not_predictions", _not_predictions(what))


_MEMORY_WORDS = re.compile(r"MemoryError|bad_alloc|Failed to allocate|Unable to allocate|Cannot allocate")
_NEAR_LIMIT = 0.8
_SIGNALS: dict[int, str] = {
    signal.SIGSEGV: "segmentation fault",
    signal.SIGABRT: "abort",
    signal.SIGBUS: "bus error",
    signal.SIGILL: "illegal instruction",
    signal.SIGFPE: "arithmetic error",
    signal.SIGKILL: "killed, as the host does when it runs out of memory",
}


def judge_end(ended: "Ended", limits: Limits) -> Refusal | None:
    """How the process ended, as the kernel and the supervisor saw it; None when it ended well."""
    if ended.refusal:
        return ended.refusal
    if ended.confined is None:
        reason = ended.setup_failed or "it ended before it was confined"
        return Refusal(
            "sandbox_unavailable",
            f"The sandbox could not be set up ({listed([reason])}). Ask an administrator to run the doctor "
            "on this worker; nothing was run.",
        )
    if ended.status is None:
        return Refusal(
            "supervisor_lost",
            "The process that watches over the model ended unexpectedly, so nothing it reported counts. "
            "Start the evaluation again; if it happens again, ask an administrator whether the host "
            "is short of memory.",
        )
    if ended.ended_by == "deadline":
        return Refusal(
            "out_of_time",
            f"The model did not finish within {limits.wall_seconds:g} seconds. Make it faster, or ask an "
            "administrator to raise the time limit of evaluations.",
        )
    if os.WIFSIGNALED(ended.status):
        return _signalled(os.WTERMSIG(ended.status), ended, limits)
    if os.WEXITSTATUS(ended.status):
        if _MEMORY_WORDS.search(ended.log):
            return Refusal("out_of_memory", _out_of_memory(limits))
        return Refusal(
            "crashed",
            f"The model's process ended itself with exit code {os.WEXITSTATUS(ended.status)}. Make sure "
            "nothing in the model ends the process.",
        )
    return None


def _signalled(number: int, ended: "Ended", limits: Limits) -> Refusal:
    used_up = ended.cpu_seconds >= limits.cpu_seconds
    if number == signal.SIGXCPU or (number == signal.SIGKILL and used_up):
        return Refusal(
            "out_of_cpu",
            f"The model used more processor time than allowed ({limits.cpu_seconds} s). Make it faster, or "
            "ask an administrator to raise the processor limit of evaluations.",
        )
    if number == signal.SIGSYS:
        return Refusal(
            "forbidden",
            "The model made a forbidden system call: one of another processor architecture, which no library "
            "here makes. Remove that from the model and upload it as a new version.",
        )
    # Out of memory, libraries print so, crash, or both. A process that was killed has printed nothing of use.
    near = ended.peak_rss_bytes >= _NEAR_LIMIT * limits.memory_bytes
    if near or (number != signal.SIGKILL and _MEMORY_WORDS.search(ended.log)):
        return Refusal("out_of_memory", _out_of_memory(limits))
    name = _SIGNALS.get(number, f"signal {number}")
    return Refusal(
        "crashed",
        f"The model's process crashed ({name}). Load the file with the worker's library versions on another "
        "machine to see why, export the model again and upload it as a new version.",
    )
