"""The command `pipeline`: its groups of verbs, and how errors become one line and an exit code."""

import sys
from collections.abc import Sequence
from typing import cast

import typer

from pipeline.cli import (
    api,
    apply,
    apps,
    broker,
    connections,
    deadletters,
    demo,
    flows,
    links,
    lookup,
    opened,
    party,
    quota,
    replay,
    run,
    runs,
    sandbox,
    secrets,
    send,
    topics,
)
from pipeline.cli.exits import EPILOG, Exit
from pipeline.errors import ConfigurationError, PipelineError

UsageError = cast(type[typer.BadParameter], typer.BadParameter.__mro__[2])
"""Base of click's errors. Newer versions of typer bring a click of their own, so it is named through typer."""

HELP = """Keeps Togai and Zoho Books in step through Kafka.

Settings come from the environment (PIPELINE_*, KAFKA_*); without KAFKA_BOOTSTRAP_SERVERS an embedded Kafka is used,
with its data in PIPELINE_STATE_DIR (.state)."""


def build() -> typer.Typer:
    """All commands. Each imports what it needs when it is called, so that the help is quick."""
    app = typer.Typer(
        help=HELP,
        epilog=EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for module in (
        demo,
        run,
        apply,
        apps,
        connections,
        flows,
        links,
        send,
        lookup,
        runs,
        opened,
        party,
        quota,
        replay,
        deadletters,
        topics,
        broker,
        secrets,
        api,
        sandbox,
    ):
        module.register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code (see `exits`)."""
    try:
        code = build()(args=arguments, prog_name="pipeline", standalone_mode=False)
        return int(code or 0)
    except (typer.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except UsageError as error:
        error.show()
        return Exit.MISTAKE
    except PipelineError as error:
        return _say(error)
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`): nothing is left to be said.
        sys.stderr.close()
        return Exit.GOOD


def _say(error: PipelineError) -> int:
    from pipeline.kafka.errors import KafkaStartError, KafkaUnavailable, RestoreStalled

    print(f"pipeline: {error}", file=sys.stderr)
    match error:
        case ConfigurationError():
            return Exit.MISTAKE
        case KafkaStartError() | KafkaUnavailable():
            return Exit.NO_KAFKA
        case RestoreStalled():
            return Exit.TIMED_OUT
        case _:
            return Exit.FAILED


if __name__ == "__main__":
    sys.exit(main())
