"""Apps, found by entry point: installing a package with a `pipeline.apps` entry adds one, with no edit here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points

from pipeline.apps.base import App
from pipeline.errors import NotThere

GROUP = "pipeline.apps"


def load_apps() -> Mapping[str, App]:
    """All installed apps by name, in alphabetical order (topics and assignments depend on it)."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    return {name: found[name].load() for name in sorted(found)}


def app_named(apps: Mapping[str, App], name: str) -> App:
    """Raises `NotThere` that lists the apps there are."""
    try:
        return apps[name]
    except KeyError:
        raise NotThere(f"no app {name!r}: installed are {', '.join(apps) or 'none'}") from None
