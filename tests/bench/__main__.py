"""`python -m tests.bench [--only NAME]... [--quick] [--rounds N]`."""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.kafka.artifacts import JarSource
from pipeline.kafka.embedded import EmbeddedKafka
from tests.bench.figure import Bench, Figure, Outcome, Skipped
from tests.bench.registry import FIGURES

REPOSITORY = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 where all was measured, whatever the figures say; 1 where something failed."""
    chosen = _parse(arguments)
    logging.basicConfig(level=logging.ERROR)
    build: Path = chosen.build.absolute()
    (build / "bench-state").mkdir(parents=True, exist_ok=True)
    figures = [figure for figure in FIGURES if not chosen.only or figure.name in chosen.only]
    results: dict[str, Any] = {}
    with _broker(chosen.bootstrap) as bootstrap:
        bench = Bench(bootstrap, build, chosen.rounds, chosen.quick)
        for figure in figures:
            results[figure.name] = measured = _measure(figure, bench)
            sys.stdout.write(_line(figure, measured) + "\n")
            sys.stdout.flush()
    _write(build / "bench.json", results, chosen.quick)
    return 1 if any("failed" in result for result in results.values()) else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = [figure.name for figure in FIGURES]
    parser = argparse.ArgumentParser("python -m tests.bench", description="Measures the figures side by side.")
    parser.add_argument("--only", action="append", choices=names, help="this figure; may be given again")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: a smoke run, no figures to quote")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--build", type=Path, default=REPOSITORY / "build", help="where bench.json and peers go")
    parser.add_argument(
        "--bootstrap",
        default=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", ""),
        help="an existing cluster; an embedded broker of its own by default",
    )
    return parser.parse_args(arguments)


@contextmanager
def _broker(bootstrap: str) -> Iterator[str]:
    if bootstrap:
        yield bootstrap
        return
    jars = JarSource.from_environment(REPOSITORY / ".state")
    with TemporaryDirectory(prefix="bench-") as state, EmbeddedKafka(Path(state), jars=jars) as broker:
        yield broker.bootstrap_servers


def _measure(figure: Figure, bench: Bench) -> dict[str, Any]:
    began = time.monotonic()
    try:
        outcome: Outcome = figure.run(bench)
    except Skipped as reason:
        return {"skipped": str(reason)}
    except Exception as error:  # the other figures are still wanted
        logging.exception("%s could not be measured", figure.name)
        return {"failed": f"{type(error).__name__}: {error}"}
    return {
        "value": round(outcome.value, 3),
        "unit": figure.unit,
        "asked": [str(bound) for bound in figure.bounds],
        "met": outcome.met and all(bound.met(outcome.value) for bound in figure.bounds),
        "what": figure.what,
        "detail": outcome.detail,
        "seconds": round(time.monotonic() - began, 1),
    }


def _line(figure: Figure, result: Mapping[str, Any]) -> str:
    if "value" not in result:
        word, reason = next(iter(result.items()))
        return f"{figure.name:18} {word}: {reason}"
    asked = f"{', '.join(result['asked']) or 'reported'}: {'met' if result['met'] else 'NOT MET'}"
    return f"{figure.name:18} {result['value']:>8g} {figure.unit}  ({asked})  {result['detail']}"


def _write(file: Path, results: Mapping[str, Any], quick: bool) -> None:
    """Figures of an earlier run that were not measured this time stay."""
    kept = json.loads(file.read_text(encoding="utf-8"))["figures"] if file.exists() else {}
    machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    marked = {name: {**result, "measured": now, "quick": quick} for name, result in results.items()}
    written = {"machine": machine, "figures": {**kept, **marked}}
    file.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
