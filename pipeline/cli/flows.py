"""`pipeline flows`: the flows there are, writing them, and what one would do."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli import author, shadow, trigger
from pipeline.cli.exits import Exit
from pipeline.cli.files import read_text
from pipeline.cli.options import Json, Yes

if TYPE_CHECKING:
    from pipeline.cli.output import Output
    from pipeline.control.manage.changes import Changed
    from pipeline.flows.compile import CompiledFlow
    from pipeline.schemas.envelope import Event

FlowName = Annotated[str, typer.Argument(help="A flow file, or the id of a stored flow or one of the catalogue.")]
FlowId = Annotated[str, typer.Argument(help="A flow's id.")]
FlowFile = Annotated[Path, typer.Argument(help="A flow in YAML; - reads it from standard input.")]
Options = Annotated[list[str] | None, typer.Option("--option", "-o", help="NAME=VALUE of the link; may be repeated.")]
Connections = Annotated[
    list[str] | None, typer.Option("--connection", "-c", help="APP=CONNECTION; one for each app of the flow.")
]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Flows: list, show, write, preview, shadow, test, lint.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("create")(create)
    group.command("edit")(edit)
    group.command("copy")(copy)
    group.command("delete")(delete)
    group.command("preview")(preview)
    group.command("trigger")(trigger.now)
    group.command("test")(author.run_tests)
    group.command("lint")(author.lint)
    group.command("schema")(author.schema)
    shadow.register(group)
    app.add_typer(group, name="flows")


def list_(
    search: Annotated[str, typer.Argument(help="Words of its name, description or tags.")] = "",
    kind: Annotated[str, typer.Option("--kind", help="all, public (the catalogue) or private.")] = "all",
    json: Json = False,
) -> None:
    """Stored flows with their links, and those of the catalogue."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.control.manage.flows import Kind
    from pipeline.errors import ConfigurationError

    if kind not in list(Kind):
        raise ConfigurationError(f"--kind is one of {', '.join(Kind)}")
    output = Output(json=json)
    with installation(say=output.note) as here:
        cards = here.flows(here.control()).cards(search, Kind(kind))
    rows = [
        {
            "id": card.id,
            "version": card.version,
            "name": card.name,
            "description": card.description,
            "type": card.type,
            "visibility": card.visibility,
            "tags": card.tags,
            "trigger": card.trigger,
            "actions": card.actions,
            "where": "stored" if card.stored else "catalogue",
            "links": card.links,
            "fault": card.fault,
        }
        for card in cards
    ]
    broken = ["fault"] if any(card.fault for card in cards) else []
    output.table("Flows", ["id", "version", "name", "type", "visibility", "trigger", "where", "links", *broken], rows)


def show(flow: FlowName, json: Json = False) -> None:
    """A flow's text, as it was written; in JSON with its options, its versions and the links that run them."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output

    output = Output(json=json)
    if _is_file(flow):
        text, file, compiled = _find(flow, output.note)
        output.row({"id": compiled.id, "version": compiled.version, "file": file, "text": text}, text.rstrip())
        return
    with installation(say=output.note) as here:
        shown = here.flows(here.control()).shown(flow)
    row = {"id": flow, "version": shown.card.version, "file": shown.file, "text": shown.text}
    more = {"links": shown.card.links, "options": shown.options, "versions": shown.versions, "fault": shown.card.fault}
    output.row(row | more, shown.text.rstrip())


def create(file: FlowFile, json: Json = False) -> None:
    """Store a new flow. It does nothing before connections are added to it (`pipeline links add`)."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output

    output, text = Output(json=json), read_text(file)
    with installation(say=output.note) as here:
        say_changes(output, here.flows(here.control()).create(text, _called(file), here.store()))


def edit(
    flow: FlowId,
    file: FlowFile,
    stay: Annotated[
        bool, typer.Option("--stay", help="Links stay on their version; else they move to this one.")
    ] = False,
    json: Json = False,
) -> None:
    """Store a new version of a flow. Runs that have begun keep theirs."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output

    output, text = Output(json=json), read_text(file)
    with installation(say=output.note) as here:
        flows = here.flows(here.control())
        say_changes(output, flows.edit(flow, text, _called(file), here.store(), move_links=not stay))


def copy(
    flow: FlowId,
    to: Annotated[str, typer.Argument(help="The id of the copy.")],
    name: Annotated[str, typer.Option("--name", help="What people call it.")] = "",
    json: Json = False,
) -> None:
    """A flow, of the catalogue or not, as a private one of your own."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output

    output = Output(json=json)
    with installation(say=output.note) as here:
        say_changes(output, here.flows(here.control()).copy(flow, to, here.store(), name=name))


def delete(flow: FlowId, yes: Yes = False, json: Json = False) -> None:
    """Forget a flow with all its versions. Refused while links use it or runs of it have not ended."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.cli.runs import open_runs

    output = Output(json=json)
    with installation(say=output.note) as here:
        flows = here.flows(here.control())
        flows.deleted(flow, 0)
        rows = flows.deleted(flow, open_runs(here, output, flow=flow))
        if yes:
            here.store().remove(rows)
    told = [{"kind": "flow", "id": row.id, "version": row.version, "removed": yes} for row in rows]
    output.table("Deleted" if yes else "Would be deleted; add --yes", ["kind", "id", "version"], told)


def preview(
    *,
    flow: FlowName,
    link: Annotated[str, typer.Option("--link", help="With the connections and options of this link.")] = "",
    connection: Connections = None,
    event: Annotated[
        Path | None, typer.Option("--event", help="A CloudEvent, or data of the trigger, as JSON; else the sample.")
    ] = None,
    event_id: Annotated[str, typer.Option("--event-id", help="A past event, by its id.")] = "",
    option: Options = None,
    json: Json = False,
) -> None:
    """What a flow would do with an event: each clause, each action's plan and request, the calls. Touches nothing.

    With a link or connections it is planned with what is mapped, and with what is known of the connections.
    """
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.cli.preview import lines
    from pipeline.operations.preview import Asked
    from pipeline.schemas.records import Verdict

    output = Output(json=json)
    given, data = _event(event)
    options, connections = options_of(option or []), pairs_of(connection or [], "--connection")
    if link or connections or event_id:
        with installation(say=output.note) as here:
            stored = here.control()
            compiled = _find(flow, output.note)[2] if _is_file(flow) else here.previewed(flow, link, stored)
            asked = Asked(compiled, link, connections, options, given, data, event_id)
            seen = here.previewer().preview(asked, stored)
    else:
        seen = _bare_preview(Asked(_find(flow, output.note)[2], options=options, event=given, data=data))
    output.row(seen, "\n".join(lines(seen)))
    if seen.verdict != Verdict.MATCHED:
        raise typer.Exit(Exit.SOME_FAILED)


def _bare_preview(asked: Any) -> Any:
    """Without Kafka: nothing is mapped, and each app stands for its own connection."""
    from pipeline.apps.registry import load_apps
    from pipeline.operations.preview import sample_preview

    return sample_preview(asked, load_apps())


def _find(name: str, say: Any) -> "tuple[str, str, CompiledFlow]":
    """Text, file and compiled flow: a file, else the catalogue, else what is stored."""
    from pipeline.apps.registry import load_apps
    from pipeline.cli.installation import installation, read_settings
    from pipeline.flows.catalogue import catalogue_flows, catalogue_folder
    from pipeline.flows.compile import load_flow

    if _is_file(name):
        text = read_text(Path(name))
        return text, name, load_flow(text, load_apps(), name)
    for ready in catalogue_flows(catalogue_folder(read_settings().catalogue)):
        compiled = load_flow(ready.text, load_apps(), str(ready.file))
        if compiled.id == name:
            return ready.text, str(ready.file), compiled
    with installation(say=say) as here:
        record = here.flows(here.control()).record(name)
    return record.text, record.file, load_flow(record.text, here.apps, record.file)


def _is_file(name: str) -> bool:
    return Path(name).suffix in (".yaml", ".yml")


def _called(file: Path) -> str:
    return "typed.yaml" if str(file) == "-" else str(file)


def _event(file: Path | None) -> "tuple[Event | None, Any]":
    """The event of a file, or the data: whatever says which version of CloudEvents it is, is an event."""
    from pipeline.errors import ConfigurationError, Undecodable
    from pipeline.operations.preview import pasted

    if file is None:
        return None, None
    try:
        return pasted(read_text(file).encode())
    except Undecodable as error:
        raise ConfigurationError(f"{file}: {error}") from None


def say_changes(output: "Output", changes: "list[Changed]") -> None:
    rows = [{"kind": one.kind, "id": one.id, "what": one.what, "version": one.version} for one in changes]
    output.table("Written", ["kind", "id", "what", "version"], rows)


def options_of(items: list[str]) -> dict[str, Any]:
    """Values as YAML reads them: true, 3, text."""
    import yaml

    return {name: yaml.safe_load(value) for name, value in pairs_of(items, "--option").items()}


def pairs_of(items: list[str], option: str) -> dict[str, str]:
    from pipeline.errors import ConfigurationError

    found = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise ConfigurationError(f"{option} {item!r} must be NAME=VALUE")
        found[name] = value
    return found
