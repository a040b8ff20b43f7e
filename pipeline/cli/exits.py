"""Exit codes of every command, in one place; the help prints them."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended."""

    GOOD = 0
    SOME_FAILED = 1
    MISTAKE = 2
    NO_KAFKA = 3
    TIMED_OUT = 4
    FAILED = 5
    INTERRUPTED = 130


MEANINGS = {
    Exit.GOOD: "done; or, for a dry run, it can be done",
    Exit.SOME_FAILED: "some of it failed and is named (a line that is no event, a connection that does not work)",
    Exit.MISTAKE: "a file, an argument or the environment is wrong; nothing was done",
    Exit.NO_KAFKA: "no broker answered, or the embedded one did not start",
    Exit.TIMED_OUT: "what was waited for did not come in time",
    Exit.FAILED: "it could not be carried out (a vendor refused, a worker kept failing)",
    Exit.INTERRUPTED: "stopped by ctrl-c",
}

EPILOG = "Exit codes:\n\n" + "\n\n".join(f"{code:d}  {MEANINGS[code]}" for code in Exit)
