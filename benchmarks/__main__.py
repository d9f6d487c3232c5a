"""`python -m benchmarks [NAME…]`: start an instance, measure, print Markdown (and write it with `--write FILE`)."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from pathlib import Path

from benchmarks.instance import ROOT, running
from benchmarks.report import page

SECTIONS = {
    "pages": "Pages and the gate",  # first: it begins with 100 versions, and leaves 10,000 to the others
    "registering": "Registering versions",
    "transfer": "Moving bytes",
    "ledger": "The ledger",
    "measures": "Measuring",
    "coverage": "Intervals",
    "large": "Ten million rows",
    "confining": "The sandbox and the scanner",
}


def main() -> int:
    """Run the named sections, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*SECTIONS, []], metavar="NAME", help=", ".join(SECTIONS))
    parser.add_argument("--write", type=Path, help="also write the page to this file")
    options = parser.parse_args()
    with running() as url:
        sys.path.insert(1, str(ROOT / "platform"))
        importlib.import_module("django").setup()
        logging.getLogger("httpx").setLevel(logging.WARNING)
        sections = [
            (title, importlib.import_module(f"benchmarks.{name}").measure(url))
            for name, title in SECTIONS.items()
            if not options.names or name in options.names
        ]
    text = page(sections)
    sys.stdout.write(text)
    if options.write:
        options.write.write_text(f"# Measurements\n\nMade by `make bench`.\n\n{text}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
