#!/usr/bin/env python3
"""Django's entry point; puts platform/ on the path so that it runs from a checkout."""

import os
import sys
from pathlib import Path


def main() -> None:
    """Run one management command; a wrong setting is one line, not a traceback."""
    sys.path.insert(1, str(Path(__file__).resolve().parent / "platform"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "countersign.settings")
    from django.core.management import execute_from_command_line

    from countersign.env import WrongSetting

    try:
        execute_from_command_line(sys.argv)
    except WrongSetting as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
