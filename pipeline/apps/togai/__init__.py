"""Togai, as the entry point `pipeline.apps` names it."""

from pipeline.apps.togai.app import TogaiApp

app = TogaiApp()

__all__ = ["app"]
