"""Run an untrusted model: in a process that can read its libraries, compute, answer, and nothing else.

`predict` and `scan` start one child process each; the worker never opens a model itself. `inside` is the
program that child runs, everything beside it the worker's half. Needs neither Django nor a database.
"""

from governance.evaluation.scanner import TRUSTED_SKOPS_TYPES, ScanReport

from .failures import CODES, Code, EvaluationFailed
from .flavours import Flavour
from .isolation import Isolation, detect_isolation
from .limits import Limits
from .prediction import Outcome, latency_of, predict
from .scanning import scan, scan_files

__all__ = [
    "CODES",
    "TRUSTED_SKOPS_TYPES",
    "Code",
    "EvaluationFailed",
    "Flavour",
    "Isolation",
    "Limits",
    "Outcome",
    "ScanReport",
    "detect_isolation",
    "latency_of",
    "predict",
    "scan",
    "scan_files",
]
