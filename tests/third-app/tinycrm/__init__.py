"""The CRM, as the entry point `pipeline.apps` names it."""

from tinycrm.app import TinyCrmApp

app = TinyCrmApp()

__all__ = ["app"]
