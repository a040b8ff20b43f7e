"""The hash of a pair that is written in both directions: what was applied outbound, then what was applied inbound.

``<outbound>~<inbound>``: flows that start in Togai compare with the one, those that end there with the other. A side
that has written nothing has "". What changes an object in one direction drops the other's: the state that was applied
there is no longer the state that is there, even if the very same one comes again.
"""

from __future__ import annotations

_BETWEEN = "~"


def outbound(hash_: str) -> str:
    """What was applied in the app that the objects of Togai go to; "" where the pair was made inbound."""
    return hash_.partition(_BETWEEN)[0]


def inbound(hash_: str) -> str:
    """What was applied in Togai; "" where nothing was."""
    return hash_.partition(_BETWEEN)[2]


def with_inbound(applied: str) -> str:
    """The pair's hash after a write in Togai."""
    return f"{_BETWEEN}{applied}"
