"""What is inside a model file, found without loading it.

Standard library only at import, because the same modules also run confined. `machine` follows a pickle with
inert stand-ins for every name; `task` is what the sandbox runs; `report` compares the names found with the
reviewed lists. The scan is evidence, not the wall: a file with harmless names alone can still crash its
loader, so models run in the sandbox whatever the scan said.
"""

from .report import FileReport, ScanReport, allowed_names, file_report, judge, reviewed_for_skops
from .skops_types import TRUSTED_SKOPS_TYPES

__all__ = [
    "TRUSTED_SKOPS_TYPES",
    "FileReport",
    "ScanReport",
    "allowed_names",
    "file_report",
    "judge",
    "reviewed_for_skops",
]
