"""`python -m tests.guards`: see `tests.guards.prove`."""

from __future__ import annotations

import sys

from tests.guards.prove import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
