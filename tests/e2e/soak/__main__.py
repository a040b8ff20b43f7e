"""The long form: `python -m tests.e2e.soak --edits 2000 --seed 7`, on a broker of its own. 0 only if all holds."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import structlog

from pipeline.cli.run import Role
from pipeline.kafka.artifacts import JarSource
from pipeline.kafka.clients import KafkaAccess
from pipeline.kafka.embedded import EmbeddedKafka
from tests.e2e.conftest import running
from tests.e2e.soak.soak import soak
from tests.e2e.twins import ROOT


@click.command()
@click.option("--edits", default=1000, show_default=True, help="How many edits people make.")
@click.option("--seed", default=1, show_default=True, help="What they do, and what webhooks suffer.")
def main(edits: int, seed: int) -> None:
    """Every flow of the catalogue on, people at work in both apps, webhooks lost, repeated and reordered."""
    logging.basicConfig(level=logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as name:
        here = Path(name)
        with EmbeddedKafka(here / "broker", jars=JarSource.from_environment(ROOT / ".state")) as broker:
            access = KafkaAccess(broker.bootstrap_servers)
            with running(access, here) as machine:
                machine.start(Role.GATEWAY, Role.AGENTS, Role.SINKS)
                machine.until_ready()
                done = soak(machine, edits=edits, seed=seed)
    click.echo(str(done))
    sys.exit(0 if done.good else 1)


if __name__ == "__main__":
    main()
