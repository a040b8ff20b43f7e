"""The list of routes in docs/api.md, written from the API itself: `make docs`, or `python -m tests.routes`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

from fastapi import FastAPI

from pipeline.gateway.api.app import PREFIX, api_router
from pipeline.gateway.api.parts import Api

PAGE = Path(__file__).parent.parent / "docs" / "api.md"
BEGIN, END = "<!-- routes: written by `make docs` -->\n", "<!-- end of routes -->\n"


def written(text: str) -> str:
    """`text` with the table between the marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n" + "\n".join(_lines()) + f"\n\n{END}{after}"


def _lines() -> Iterator[str]:
    app = FastAPI()
    # Routes are described, none is called.
    app.include_router(api_router(Mock(spec=Api)))
    yield "| route | what it does |"
    yield "| --- | --- |"
    for path, verbs in app.openapi()["paths"].items():
        for verb, operation in verbs.items():
            what = " ".join(operation["description"].split("\n\n")[0].split())
            yield f"| `{verb.upper()} {path.removeprefix(PREFIX)}` | {what} |"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
