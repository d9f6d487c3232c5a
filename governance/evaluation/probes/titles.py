"""What each probe is called and what it tells, for pages and sentences. Imports no numerical library."""

from governance.evaluation.suites import Probe

PROBES: dict[Probe, tuple[str, str]] = {
    Probe.REPRODUCTION: (
        "Reproduction",
        "The same rows scored again by another process of the model: identical, equivalent but for rounding, or "
        "different.",
    ),
    Probe.LATENCY: ("Latency by row", "Seconds from one row handed over alone to its answer."),
    Probe.TRAINING: (
        "Gap between training and evaluation",
        "The headline measure on the data it learned from minus that on the data it is measured on.",
    ),
    Probe.ROBUSTNESS: (
        "Robustness",
        "What the headline measure loses where inputs are missing, noisy, out of range or never seen before.",
    ),
    Probe.FLIP: (
        "Flip test",
        "How many answers change when nothing but one sensitive attribute of the row does.",
    ),
    Probe.IMPORTANCE: (
        "Importance of features",
        "What the headline measure loses when one feature's values are shuffled among the rows.",
    ),
}
