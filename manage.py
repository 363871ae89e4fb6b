#!/usr/bin/env python3
"""Django's command line for mailsvc."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailsvc.settings")
    try:
        from django.core.management import execute_from_command_line  # noqa: PLC0415
    except ImportError:
        sys.exit("Django is not installed here. Run `make run`, or activate .venv.")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
