"""How the interpreter is set for a process that works off batches."""

from __future__ import annotations

import gc
import sys

_SWITCH_SECONDS = 0.0005
_YOUNG_OBJECTS = 50_000


def tune_interpreter() -> None:
    """To be called once, when everything is imported.

    A batch is thousands of objects that live as long as it does: by default the collector looks at them several times
    a batch, and at all modules each time it looks at everything. And the thread that just heard from the brokers waits
    for the interpreter lock up to the switch interval, by default 5 ms, several times a transaction.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)
    sys.setswitchinterval(_SWITCH_SECONDS)
