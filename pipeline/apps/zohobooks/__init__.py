"""Zoho Books, as the entry point `pipeline.apps` names it."""

from pipeline.apps.zohobooks.app import ZohoBooksApp

app = ZohoBooksApp()
