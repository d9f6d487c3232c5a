"""How a run ended, in words: from the kernel's status, the supervisor's count and the limits."""

import signal

import pytest

from governance.evaluation.sandbox import Limits
from governance.evaluation.sandbox.attempts import SENTENCES, explained, together, worded
from governance.evaluation.sandbox.failures import Code, Refusal, judge_end
from governance.evaluation.sandbox.process import Ended

LIMITS = Limits(memory_bytes=1 << 30, cpu_seconds=10)


def ended(number: int, *, log: str = "", peak: int = 100 << 20, cpu: float = 1.0) -> Ended:
    """The end of a confined process by signal `number`."""
    return Ended(status=number, confined={}, log=log, peak_rss_bytes=peak, cpu_seconds=cpu)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_crash_near_the_limit_is_out_of_memory(number: int) -> None:
    refusal = judge_end(ended(number, peak=900 << 20), LIMITS)
    assert refusal
    assert refusal.code == "out_of_memory"
    assert "(1 GB)" in refusal.message
    refusal = judge_end(ended(number), LIMITS)
    assert refusal
    assert refusal.code == "crashed"


@pytest.mark.parametrize("said", ["MemoryError", "std::bad_alloc", "Failed to allocate memory for 64 bytes"])
def test_a_crash_after_the_library_said_that_memory_ran_out_is_out_of_memory(said: str) -> None:
    for number in (signal.SIGSEGV, signal.SIGABRT):
        refusal = judge_end(ended(number, log=f"terminate called: {said}\n"), LIMITS)
        assert refusal
        assert refusal.code == "out_of_memory"
    # Whoever is killed has said nothing about that: the model may have printed it long before.
    refusal = judge_end(ended(signal.SIGKILL, log=said), LIMITS)
    assert refusal
    assert refusal.code == "crashed"


def test_processor_time_and_foreign_calls_have_words_of_their_own() -> None:
    for end in (ended(signal.SIGXCPU), ended(signal.SIGKILL, cpu=12.0)):
        refusal = judge_end(end, LIMITS)
        assert refusal
        assert (refusal.code, "(10 s)" in refusal.message) == ("out_of_cpu", True)
    refusal = judge_end(ended(signal.SIGSYS), LIMITS)
    assert refusal
    assert refusal.code == "forbidden"
    assert refusal.message.startswith("The model made a forbidden system call")


def test_attempts_are_worded_in_a_fixed_order_with_their_calls() -> None:
    counted = {"write": {"unlink": 1, "openat": 2}, "network": {"socket": 3}}
    assert worded(counted) == [
        {
            "kind": "network",
            "what": "tried to open a network connection",
            "calls": {"socket": 3},
            "count": 3,
        },
        {"kind": "write", "what": "tried to write a file", "calls": {"openat": 2, "unlink": 1}, "count": 3},
    ]
    assert worded({}) == []
    runs = [worded(counted), [], worded({"write": {"openat": 5}, "process": {"clone": 1}})]
    assert [(one["kind"], one["calls"], one["count"]) for one in together(runs)] == [
        ("network", {"socket": 3}, 3),
        ("process", {"clone": 1}, 1),
        ("write", {"openat": 7, "unlink": 1}, 8),
    ]


@pytest.mark.parametrize("kind", SENTENCES)
@pytest.mark.parametrize("code", ["forbidden", "crashed", "cannot_load", "no_predictions"])
def test_what_was_tried_is_the_message_where_it_may_be_the_reason(code: Code, kind: str) -> None:
    told = explained(Refusal(code, "It failed.", "its words"), worded({kind: {"call": 1}}))
    assert told.code == "forbidden"
    assert told.message.startswith(
        f"The model {SENTENCES[kind]}, which was refused, and gave no predictions."
    )
    assert told.said == "its words"


@pytest.mark.parametrize("code", ["out_of_memory", "out_of_time", "not_finite", "cancelled"])
def test_what_was_tried_is_added_where_the_reason_is_another(code: Code) -> None:
    tried = worded({"network": {"socket": 1}, "program": {"vfork": 1}, "write": {"openat": 1}})
    told = explained(Refusal(code, "It failed."), tried)
    assert told.code == code
    assert told.message == (
        "It failed. The model tried to open a network connection, tried to start a program and tried to write a "
        "file, which was refused."
    )
    untried = Refusal(code, "It failed.")
    assert explained(untried, []) is untried
