"""docs/apps.md shows the third app as it is: its code is code that is there, its files are files that are there."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from pipeline.apps import base

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs/apps.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\w+\n# (\S+)\n(.*?)```", GUIDE, flags=re.DOTALL)
FILES = sorted(set(re.findall(r"`((?:tests|pipeline|configs|docs)/[\w./-]+)`", GUIDE)))


@pytest.mark.parametrize(("file", "code"), BLOCKS, ids=[f"{n}-{file}" for n, (file, _) in enumerate(BLOCKS)])
def test_a_block_of_code_is_in_the_file_that_it_names(file: str, code: str) -> None:
    there = (ROOT / file).read_text(encoding="utf-8")
    for part in re.split(r"^\s*…\n", code, flags=re.MULTILINE):
        assert textwrap.dedent(part) in textwrap.dedent(there) or part in there


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_named_is_there(file: str) -> None:
    assert (ROOT / file).exists()


def test_what_an_app_may_have_besides_is_all_told() -> None:
    """Those protocols that are asked for by `isinstance`."""
    optional = [name for name, each in vars(base).items() if getattr(each, "_is_runtime_protocol", False)]
    assert [name for name in optional if f"`{name}`" not in GUIDE] == []


def test_every_block_names_its_file() -> None:
    assert len(BLOCKS) == GUIDE.count("\n```") // 2 >= 6
