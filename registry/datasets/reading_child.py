"""The child process of `reading`: argument 1 is the format, standard input the file, the answer one JSON
object.

Run as a script, never imported by the web process. Its limits are set before any native reader is loaded.
"""

import json
import resource
import sys
from typing import Any

MEMORY = 4 * 1024**3  # of addresses; Arrow reserves far more than it uses
CPU_SECONDS = 100


def _limit() -> None:
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        hard = resource.getrlimit(limit)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))


def _parquet(file: Any) -> tuple[int, Any]:
    from pyarrow import parquet

    footer = parquet.ParquetFile(file)
    return footer.metadata.num_rows, footer.schema_arrow


def _csv(file: Any) -> tuple[int, Any]:
    from pyarrow import csv

    with csv.open_csv(file) as reader:  # block by block; types come from the first
        return sum(batch.num_rows for batch in reader), reader.schema


def main() -> None:
    """Answer {"rows", "columns"}, or {"problem"} where the reader refuses the file."""
    _limit()
    sys.modules["numpy"] = None  # type: ignore[assignment]  # Arrow does without; loading it is half the child's time
    import pyarrow

    pyarrow.set_cpu_count(1)
    pyarrow.set_io_thread_count(1)
    with open(0, "rb", closefd=False) as file:
        try:
            rows, schema = (_parquet if sys.argv[1] == "parquet" else _csv)(file)
            answer: dict[str, Any] = {
                "rows": rows,
                "columns": [{"name": field.name, "type": str(field.type)} for field in schema],
            }
        except (pyarrow.ArrowException, OSError) as error:
            answer = {"problem": str(error).splitlines()[0][:300]}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
