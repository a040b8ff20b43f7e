"""`pipeline apps`: what can be connected, what starts a flow, and what a flow can do."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.options import Json

if TYPE_CHECKING:
    from pipeline.control.manage.apps import AppShown


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="The apps there are, their triggers and actions.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("show")(show)
    app.add_typer(group, name="apps")


def list_(json: Json = False) -> None:
    """The apps that are installed."""
    from pipeline.apps.registry import load_apps
    from pipeline.cli.output import Output
    from pipeline.control.manage.apps import app_cards

    output, cards = Output(json=json), app_cards(load_apps())
    if json:
        for card in cards:
            output.row(card)
        return
    rows = [
        {"app": card.name, "title": card.title, "triggers": len(card.triggers), "actions": len(card.actions)}
        for card in cards
    ]
    output.table("Apps", ["app", "title", "triggers", "actions"], rows)


def show(name: Annotated[str, typer.Argument(help="An app, such as zohobooks.")], json: Json = False) -> None:
    """One app: its connection form, triggers and actions. `--json` has every schema and sample."""
    from pipeline.apps.registry import load_apps
    from pipeline.cli.output import Output
    from pipeline.control.manage.apps import shown_app

    output, shown = Output(json=json), shown_app(load_apps(), name)
    if json:
        output.row(shown)
        return
    output.say(shown.title)
    output.table("Settings", ["name", "needed", "what", "default"], _settings(shown))
    secrets = [{"name": field.name, "what": field.description} for field in shown.connection.secrets]
    output.table("Secrets", ["name", "what"], secrets)
    triggers = [{"name": each.name, "when": each.title, "fetched by": each.fetch} for each in shown.triggers]
    output.table("Triggers", ["name", "when", "fetched by"], triggers)
    actions = [
        {
            "name": each.name,
            "what": each.title,
            "input": list(_properties(each.input)),
            "calls": each.calls,
            "safe to repeat": each.repeat,
        }
        for each in shown.actions
    ]
    output.table("Actions", ["name", "what", "input", "calls", "safe to repeat"], actions)
    for word, why in {each.repeat: each.safe for each in shown.actions}.items():
        output.say(f"{word}: {why}")


def _settings(shown: "AppShown") -> list[dict[str, Any]]:
    form = shown.connection.settings
    return [
        {
            "name": name,
            "needed": name in form.get("required", []),
            "what": field.get("description") or ", ".join(field.get("enum", [])),
            "default": field.get("default"),
        }
        for name, field in form["properties"].items()
    ]


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    """Of a schema that may be a reference into its own definitions."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    found: dict[str, Any] = (schema["$defs"][name] if name else schema).get("properties", {})
    return found
