"""What a model may use while it is evaluated."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds for one run of a model.

    `memory_bytes` bounds the address space, libraries included (scikit-learn alone needs about 600 MB).
    `cpu_seconds` is processor time, `wall_seconds` the time from start to end, imports included.
    `log_bytes` of what the model prints are kept; the rest is read and dropped. `open_files` bounds its
    descriptors. `columns` is the largest number of predictions per row that is accepted, `score_bytes` bounds
    what is kept of all predictions together, eight bytes each.
    """

    memory_bytes: int = 4 << 30
    cpu_seconds: int = 60
    wall_seconds: float = 120
    log_bytes: int = 65536
    open_files: int = 128
    columns: int = 1024
    score_bytes: int = 1 << 30

    def as_dict(self) -> dict[str, Any]:
        """The limits as plain values, for the circumstances of an evaluation."""
        return asdict(self)
