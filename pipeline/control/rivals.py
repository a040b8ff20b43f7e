"""Two links that are on and would write the same object on the same event."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from pipeline.control.checked import CheckedFlow
from pipeline.schemas.records import Link


def rivals(
    links: Iterable[Link], changed: Collection[str], flow_of: Callable[[Link], CheckedFlow | None]
) -> Iterator[tuple[str, str]]:
    """(link, what is wrong with it) for each of `changed` that would write what another link writes already.

    `flow_of` gives the version that a link runs; None where it is gone or broken.
    """
    met: dict[tuple[str, str], list[tuple[Link, CheckedFlow]]] = {}
    for link in links:
        flow = flow_of(link) if link.enabled else None
        if flow is None or flow.option_faults(link.options):
            continue
        source = link.connections.get(flow.event_type.partition(".")[0], "")
        others = met.setdefault((flow.event_type, source), [])
        for other, other_flow in others:
            new = next((one.id for one in (link, other) if one.id in changed), None)
            if new is None or not (actions := flow.rivals(link, other_flow, other)):
                continue
            told = other.id if new == link.id else link.id
            yield new, rival_message(new, told, flow.event_type, actions)
        others.append((link, flow))


def rival_message(link: str, other: str, event_type: str, actions: Sequence[str]) -> str:
    return (
        f"link {link!r} would write the same object as link {other!r}: on {event_type} both do {', '.join(actions)} at "
        f"the same destination; disable one, or give both flows conditions that exclude each other "
        f'(data.region == "EU" and data.region == "US")'
    )
