"""`pipeline flows`: those that are switched on, those of files, and what one would do."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli import author
from pipeline.cli.exits import Exit
from pipeline.cli.options import Json

if TYPE_CHECKING:
    from pipeline.apps.base import App
    from pipeline.flows.compile import CompiledFlow
    from pipeline.schemas.envelope import Event

FlowName = Annotated[str, typer.Argument(help="A flow file, or the id of a stored flow or one of the catalogue.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Flows: list, show, preview, test, lint.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("preview")(preview)
    group.command("test")(author.run_tests)
    group.command("lint")(author.lint)
    group.command("schema")(author.schema)
    app.add_typer(group, name="flows")


def list_(json: Json = False) -> None:
    """Stored flows with their links, and those of the catalogue that are not stored yet."""
    from pipeline.cli.installation import installation
    from pipeline.cli.output import Output
    from pipeline.flows.catalogue import catalogue_flows, catalogue_folder
    from pipeline.flows.compile import load_flow

    output = Output(json=json)
    with installation(say=output.note) as here:
        control = here.control()
        rows: list[dict[str, Any]] = []
        for id in dict.fromkeys(flow for flow, _ in control.flows):
            latest = control.flow(id)
            links = [link.id for link in control.links.values() if link.flow == id and link.enabled]
            version = latest.version if latest else ""
            rows.append({"id": id, "version": version, "where": "stored", "links": sorted(links)})
        stored = {row["id"] for row in rows}
        for ready in catalogue_flows(catalogue_folder(here.settings.catalogue)):
            flow = load_flow(ready.text, here.apps, str(ready.file))
            if flow.id not in stored:
                rows.append({"id": flow.id, "version": flow.version, "where": str(ready.file), "links": []})
    output.table("Flows", ["id", "version", "where", "links"], rows)


def show(flow: FlowName, json: Json = False) -> None:
    """A flow's text, as it was written."""
    from pipeline.cli.output import Output

    output = Output(json=json)
    text, file, compiled = _find(flow, output.note)
    output.row({"id": compiled.id, "version": compiled.version, "file": file, "text": text}, text.rstrip())


def preview(
    flow: FlowName,
    event: Annotated[Path | None, typer.Option("--event", help="A CloudEvent as JSON; else the sample.")] = None,
    option: Annotated[list[str] | None, typer.Option("--option", "-o", help="NAME=VALUE of the link.")] = None,
    json: Json = False,
) -> None:
    """What a flow would do with an event: each clause, and what each action would send. Touches nothing."""
    from pipeline.apps.registry import load_apps
    from pipeline.cli.output import Output
    from pipeline.cli.preview import EmptyView, lines, row
    from pipeline.flows.preview import preview_flow
    from pipeline.schemas.records import Verdict

    output = Output(json=json)
    _, _, compiled = _find(flow, output.note)
    apps = load_apps()
    views = {name: EmptyView() for name in apps}
    seen = preview_flow(compiled, _event(event, compiled, apps), apps, views, _options(option or []))
    output.row(row(seen), "\n".join(lines(seen)))
    if seen.verdict is not Verdict.MATCHED:
        raise typer.Exit(Exit.SOME_FAILED)


def _find(name: str, say: Any) -> "tuple[str, str, CompiledFlow]":
    """Text, file and compiled flow: a file, else the catalogue, else what is stored."""
    from pipeline.apps.registry import load_apps
    from pipeline.cli.installation import installation, read_settings
    from pipeline.errors import ConfigurationError
    from pipeline.flows.catalogue import catalogue_flows, catalogue_folder
    from pipeline.flows.compile import load_flow

    file = Path(name)
    if file.suffix in (".yaml", ".yml"):
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
        return text, str(file), load_flow(text, load_apps(), str(file))
    for ready in catalogue_flows(catalogue_folder(read_settings().catalogue)):
        compiled = load_flow(ready.text, load_apps(), str(ready.file))
        if compiled.id == name:
            return ready.text, str(ready.file), compiled
    with installation(say=say) as here:
        stored = here.control().flow(name)
    if stored is None:
        raise ConfigurationError(f"no flow {name!r}: give a file, or an id that `pipeline flows list` shows")
    return stored.text, stored.file, load_flow(stored.text, here.apps, stored.file)


def _event(file: Path | None, flow: "CompiledFlow", apps: "dict[str, App] | Any") -> "Event":
    from pipeline.apps.incoming import complete
    from pipeline.errors import ConfigurationError, Undecodable
    from pipeline.flows.samples import sample_event
    from pipeline.schemas.codec import Codec

    if file is None:
        return sample_event(flow.app, flow.trigger, flow.spec.trigger.given)
    try:
        return complete(Codec().decode_event(file.read_bytes()), apps)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    except Undecodable as error:
        raise ConfigurationError(f"{file}: {error}") from None


def _options(items: list[str]) -> dict[str, Any]:
    """Values as YAML reads them: true, 3, text."""
    import yaml

    from pipeline.errors import ConfigurationError

    found = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals:
            raise ConfigurationError(f"--option {item!r} must be NAME=VALUE")
        found[name] = yaml.safe_load(value)
    return found
