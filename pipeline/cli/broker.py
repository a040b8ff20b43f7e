"""`pipeline broker`: the embedded Kafka by itself, for several commands to share."""

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import Json


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="The embedded Kafka, shared by all commands of this state directory.", no_args_is_help=True
    )
    group.command("start")(start)
    group.command("status")(status)
    group.command("stop")(stop)
    app.add_typer(group, name="broker")


def start(json: Json = False) -> None:
    """Start it and stay in the foreground until ctrl-c or SIGTERM. Its data stays."""
    from pipeline.cli.installation import installation, read_settings
    from pipeline.cli.output import Output
    from pipeline.cli.supervisor import Stop
    from pipeline.errors import ConfigurationError
    from pipeline.kafka.embedded import running_broker
    from pipeline.kafka.errors import KafkaStartError

    output, settings = Output(json=json), read_settings()
    if settings.kafka_bootstrap_servers:
        raise ConfigurationError("KAFKA_BOOTSTRAP_SERVERS names a cluster: unset it to use the embedded broker")
    if servers := running_broker(settings.state_dir):
        raise KafkaStartError(
            f"a broker of {settings.state_dir} runs already on {servers}; see `pipeline broker status`"
        )
    with Stop() as stop, installation(settings, say=output.note) as here:
        broker = here.kafka.broker
        servers = here.access.bootstrap_servers
        output.row({"bootstrap_servers": servers}, f"Kafka serves {servers}; ctrl-c stops it")
        while not stop.wait(0.5):
            if broker is not None and (why := broker.failure()):
                raise KafkaStartError(why)


def status(json: Json = False) -> None:
    """Whether one runs, where, and which process runs it. Exit code 1 where none does."""
    from pipeline.cli.installation import read_settings
    from pipeline.cli.output import Output
    from pipeline.kafka.holder import current_holder

    output, settings = Output(json=json), read_settings()
    found = current_holder(settings.state_dir.absolute() / "kafka")
    if found is None:
        output.row({"running": False}, f"no broker of {settings.state_dir} runs")
        raise typer.Exit(Exit.SOME_FAILED)
    output.row(
        {"running": True, "bootstrap_servers": found.bootstrap_servers, "owner": found.owner, "broker": found.broker},
        f"Kafka serves {found.bootstrap_servers}; process {found.owner} runs it (Java process {found.broker})",
    )


def stop(json: Json = False) -> None:
    """Stop the process that runs it: a `pipeline broker start`, or a whole `pipeline run`."""
    import os
    import signal
    import time

    from pipeline.cli.installation import read_settings
    from pipeline.cli.output import Output
    from pipeline.kafka.holder import current_holder

    output, directory = Output(json=json), read_settings().state_dir.absolute() / "kafka"
    found = current_holder(directory)
    if found is None:
        output.row({"stopped": False}, "no broker runs")
        return
    os.kill(found.owner, signal.SIGTERM)
    deadline = time.monotonic() + 45
    while current_holder(directory) == found:
        if time.monotonic() > deadline:
            output.note(f"process {found.owner} did not stop it within 45 s")
            raise typer.Exit(Exit.TIMED_OUT)
        time.sleep(0.1)
    output.row({"stopped": True}, "stopped")
