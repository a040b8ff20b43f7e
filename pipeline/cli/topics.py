"""`pipeline topics`: the topics as code says they are, for Kafka and for those who read them."""

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import Json


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Create the topics, check them, or describe them.", no_args_is_help=True)
    group.command("check")(check)
    group.command("create")(create)
    group.command("asyncapi")(asyncapi)
    app.add_typer(group, name="topics")


def check(json: Json = False) -> None:
    """Compare every topic with its spec; says what to do about each difference. Changes nothing."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.kafka.admin import check_topics

    output = Output(json=json)
    with installation(say=output.note) as here:
        specs = here.topics.specs()
        faults = check_topics(here.access, specs)
    rows = [
        {"topic": fault.topic, "problem": fault.problem, "remedy": fault.remedy, "fatal": fault.fatal}
        for fault in faults
    ]
    if json or faults:
        output.table("Topics that differ", ["topic", "problem", "remedy"], rows)
    else:
        output.say(f"all {len(specs)} topics are as they should be")
    if any(fault.fatal for fault in faults):
        raise typer.Exit(Exit.SOME_FAILED)


def create(json: Json = False) -> None:
    """Create the topics that are missing. Those that exist are left as they are."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output

    output = Output(json=json)
    with installation(say=output.note) as here:
        created = set(here.make_topics())
        rows = [
            {"topic": s.name, "partitions": s.partitions, "created": s.name in created} for s in here.topics.specs()
        ]
    output.table("Topics", ["topic", "partitions", "created"], rows)


def asyncapi() -> None:
    """Print the topics and their records as an AsyncAPI 3 document, in YAML. Needs no Kafka."""
    from pipeline.apps.registry import load_apps
    from pipeline.cli.installation import read_settings, topics_of
    from pipeline.schemas.asyncapi import rendered

    print(rendered(topics_of(read_settings(), load_apps())), end="")
