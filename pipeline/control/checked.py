"""A flow that compiles, as far as control has to know it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from pipeline.schemas.records import Link


class CheckedFlow(Protocol):
    """What must be known of a flow that compiles: `apps` are those that a link names a connection for."""

    @property
    def id(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def apps(self) -> Collection[str]: ...

    @property
    def event_type(self) -> str:
        """``<app>.<trigger>``"""

    def option_faults(self, options: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
        """(option, what is wrong with it) of a link's options."""

    def rivals(self, link: Link, other: Any, other_link: Link) -> Sequence[str]:
        """The actions by which `link` and `other_link`, of the flow `other`, would write the same object."""


FlowCheck = Callable[[str, str], CheckedFlow]
"""Compiles a flow's text; the second argument is its file. Raises `ConfigurationError`, one fault a line."""
