"""`pipeline run`: all roles, supervised, or one of them in this process."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.cli.installation import Installation


class Role(StrEnum):
    """A process of the installation."""

    AGENTS = "agents"
    SINKS = "sinks"
    GATEWAY = "gateway"
    ALL = "all"


ORDER = (Role.GATEWAY, Role.AGENTS, Role.SINKS)
"""In which they are stopped: what takes in comes first."""


def register(app: typer.Typer) -> None:
    app.command()(run)


def run(
    role: Annotated[Role, typer.Option("--role", help="Run this one alone, in this process.")] = Role.ALL,
    log_json: Annotated[bool, typer.Option("--log-json", help="JSON logs also at a terminal.")] = False,
) -> None:
    """Run the pipeline until ctrl-c or SIGTERM. Without a cluster an embedded Kafka runs along."""
    from pipeline.cli.installation import installation, read_settings
    from pipeline.cli.logs import configure_logging
    from pipeline.cli.supervisor import stop_with_supervisor
    from pipeline.gateway.api.token import check_exposure

    stop_with_supervisor()
    settings = read_settings()
    if role in (Role.ALL, Role.GATEWAY):
        check_exposure(settings)
    configure_logging(settings.log_level, json=True if log_json else None, role=role)
    with installation(settings, say=lambda text: print(text, file=sys.stderr)) as here:
        code = _supervise(here) if role is Role.ALL else run_role(role, here)
    if code:
        raise typer.Exit(code)


def role_command(role: Role) -> list[str]:
    """The command line of one role as a process of its own."""
    return [sys.executable, "-m", "pipeline.cli.main", "run", "--role", role]


def role_environment(here: "Installation") -> dict[str, str]:
    """What a role process is told besides our own environment: the Kafka that we have."""
    environment = {"KAFKA_BOOTSTRAP_SERVERS": here.access.bootstrap_servers}
    if here.settings.replication_factor is None:
        environment["PIPELINE_REPLICATION_FACTOR"] = str(here.kafka.replication_factor(here.settings))
    return environment


def run_role(role: Role, here: "Installation") -> int:
    """One role in this process, until it is told to stop."""
    from pipeline.cli.roles import run_agents, run_gateway, run_sinks

    start = {Role.AGENTS: run_agents, Role.SINKS: run_sinks, Role.GATEWAY: run_gateway}[role]
    start(here)
    return 0


def _supervise(here: "Installation") -> int:
    import structlog

    from pipeline.cli.supervisor import ChildSpec, Stop, Supervisor
    from pipeline.control.secrets import load_secret_box
    from pipeline.errors import ConfigurationError
    from pipeline.gateway.api.token import api_token
    from pipeline.kafka.ports import is_free

    load_secret_box(here.settings)
    _, token = api_token(here.settings)
    port = here.settings.gateway_port
    if port and not is_free(port):
        raise ConfigurationError(
            f"port {port} is taken, perhaps by another `pipeline run`: stop that, or set PIPELINE_GATEWAY_PORT"
        )
    broker, log = here.kafka.broker, structlog.get_logger()

    def watch_broker() -> None:
        if broker is not None and (why := broker.failure()):
            log.error("the embedded Kafka ended and is started again", why=why)
            broker.start()

    environment = role_environment(here)
    specs = [ChildSpec(role, role_command(role), environment) for role in ORDER]
    log.info(
        "running",
        roles=[spec.name for spec in specs],
        kafka=here.access.bootstrap_servers,
        gateway=f"http://{here.settings.gateway_host}:{here.settings.gateway_port}",
        api=f"behind the token in {token}",
    )
    with Stop() as stop:
        return Supervisor(specs, on_tick=watch_broker).run(stop)
