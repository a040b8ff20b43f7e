"""A third app is a folder and an entry point: nothing outside the apps' own folders knows one by name."""

from __future__ import annotations

import ast
from pathlib import Path

import pipeline
from pipeline.apps.registry import load_apps

PACKAGE = Path(pipeline.__file__).parent
OF_TWO_APPS = ("apps/togai", "apps/zohobooks", "sandbox", "cli/demo")
"""The apps, their twins, and the demo that shows them."""


def test_no_stage_names_an_app_or_imports_one() -> None:
    names = set(load_apps())
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        where = file.relative_to(PACKAGE).as_posix()
        if where.startswith(OF_TWO_APPS):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            named = isinstance(node, ast.Constant) and node.value in names
            imported = isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                tuple(f"pipeline.apps.{name}" for name in names)
            )
            if named or imported:
                found.append(f"{where}:{node.lineno}")  # type: ignore[attr-defined]  # both kinds have a line
    assert found == []
