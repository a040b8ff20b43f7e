"""``python -m pipeline.sandbox``: the twins as a process."""

from pipeline.sandbox.process import main

raise SystemExit(main())
