"""`python -m headcount`."""

from __future__ import annotations

import sys

from headcount.cli import main

if __name__ == "__main__":
    sys.exit(main())
