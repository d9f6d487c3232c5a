"""`python -m tests.third_party`: try every artifact on an instance of its own; `--write` records what is seen."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
import tempfile
from pathlib import Path

from benchmarks.instance import ROOT, running


def main() -> int:
    """0 where all came to what is recorded, otherwise 1 after a line for each difference."""
    parser = argparse.ArgumentParser(prog="python -m tests.third_party", description=__doc__)
    parser.add_argument(
        "--write", action="store_true", help="record what is seen, and write the page in docs/"
    )
    options = parser.parse_args()
    with running() as url, tempfile.TemporaryDirectory() as folder:
        sys.path.insert(1, str(ROOT / "platform"))
        importlib.import_module("django").setup()
        logging.getLogger("httpx").setLevel(logging.WARNING)
        from benchmarks import work
        from demo.client import Client
        from tests.third_party import record
        from tests.third_party.artifacts import ARTIFACTS
        from tests.third_party.trying import Trial

        trial = Trial(Client(url, token=work.token()), work.team().slug, Path(folder))
        all_asked = [trial.ask(artifact) for artifact in ARTIFACTS]
        all_seen = [trial.seen(asked) for asked in all_asked]
    sys.stdout.write(record.page(all_seen))
    if options.write:
        record.write(all_seen)
        return 0
    before = record.recorded()
    differing = [line for one in all_seen for line in record.differences(one, before.get(one.name))]
    sys.stderr.write("".join(f"not as recorded: {line}\n" for line in differing))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
