"""`pipeline flows test`, `lint` and `schema`: for those who write flows. Nothing is sent, no Kafka is needed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.options import Json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.flows.compile import CompiledFlow

Paths = Annotated[list[Path] | None, typer.Argument(help="Flow files, or folders of them; else the catalogue.")]


def run_tests(paths: Paths = None, json: Json = False) -> None:
    """Run the tests that stand beside flow files (<flow>.test.yaml), and say what went otherwise."""
    from pipeline.apps.registry import load_apps
    from pipeline.cli.output import Output
    from pipeline.flows.cases import read_cases, run_case
    from pipeline.flows.files import cases_beside

    output, apps = Output(json=json), load_apps()
    ran = failed = 0
    for file, flow in _flows(paths):
        cases = cases_beside(file)
        if not cases.exists():
            output.note(f"{file}: no tests beside it")
            continue
        for case in read_cases(cases.read_text(encoding="utf-8"), str(cases)).tests:
            tested = run_case(case, flow, apps)
            ran, failed = ran + 1, failed + bool(tested.differences)
            row: dict[str, Any] = {"file": str(cases), "test": tested.name, "passed": not tested.differences}
            lines = [f"{'FAILED' if tested.differences else 'passed'}  {flow.id}: {tested.name}"]
            lines += [f"        {difference}" for difference in tested.differences]
            output.row(row | {"differences": list(tested.differences)}, "\n".join(lines))
    output.say(f"{ran} tests, {failed} failed")
    if failed or not ran:
        raise typer.Exit(Exit.SOME_FAILED)


def lint(paths: Paths = None, json: Json = False) -> None:
    """Check flow files, and say what is likely not meant. Faults name file, line and column."""
    from pipeline.cli.output import Output
    from pipeline.flows.files import cases_beside
    from pipeline.flows.lint import lint as warnings

    output = Output(json=json)
    found = 0
    for file, flow in _flows(paths):
        for warning in warnings(flow, tested=cases_beside(file).exists()):
            found += 1
            output.row({"file": str(file), "flow": flow.id, "warning": warning}, f"{file}: {warning}")
    output.say(f"{found} warnings" if found else "nothing to say")
    if found:
        raise typer.Exit(Exit.SOME_FAILED)


def schema(
    tests: Annotated[bool, typer.Option("--tests", help="Of test files, not of flow files.")] = False,
) -> None:
    """Print the JSON Schema of flow files, with the apps that are installed, for your editor."""
    import msgspec

    from pipeline.apps.registry import load_apps
    from pipeline.flows.json_schema import cases_schema, flow_schema

    made = cases_schema() if tests else flow_schema(load_apps())
    typer.echo(msgspec.json.format(msgspec.json.encode(made)).decode())


def _flows(paths: list[Path] | None) -> "Iterator[tuple[Path, CompiledFlow]]":
    from pipeline.apps.registry import load_apps
    from pipeline.cli.installation import read_settings
    from pipeline.errors import ConfigurationError
    from pipeline.flows.catalogue import catalogue_folder
    from pipeline.flows.compile import load_flow
    from pipeline.flows.files import flow_files

    apps = load_apps()
    for path in paths or [catalogue_folder(read_settings().catalogue)]:
        files = flow_files(path) if path.is_dir() else [path]
        if not files:
            raise ConfigurationError(f"{path}: there is no flow file in this folder")
        for file in files:
            try:
                text = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(f"{file} cannot be read: {error}") from None
            yield file, load_flow(text, apps, str(file))
