"""`python -m countersign.embedded run`: Countersign with everything it needs, on this machine."""

import argparse
import os
import sys
from pathlib import Path

from countersign.embedded.plan import REPOSITORY, product
from countersign.embedded.supervisor import Supervisor


def port(text: str) -> int:
    """A TCP port from 1 to 65535."""
    number = int(text) if text.isdigit() else 0
    if not 1 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: use a number from 1 to 65535")
    return number


def main() -> int:
    """Read the command line and run the supervisor; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m countersign.embedded", description=__doc__)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="start everything and stay in the foreground until Ctrl-C")
    run.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    run.add_argument("--port", type=port, default=8000, help="port to listen on (default: %(default)s)")
    run.add_argument("--no-demo", action="store_true", help="start empty, without the demonstration")
    options = parser.parse_args()
    os.umask(0o077)  # nothing we or our children write is for others to read
    home = Path(os.environ.get("COUNTERSIGN_HOME") or REPOSITORY / ".countersign")
    return Supervisor(
        home=home, host=options.host, port=options.port, planner=product, demo=not options.no_demo
    ).run()


if __name__ == "__main__":
    sys.exit(main())
