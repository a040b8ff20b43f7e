"""Options: what a link may set on its flow. Checked when the flow and when the link is loaded, never in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from pipeline.errors import ConfigurationError
from pipeline.flows.model import OptionSpec
from pipeline.flows.shapes import Shape, did_you_mean


def shape_of(option: OptionSpec) -> Shape:
    """The type of the option's value, for what reads it."""
    match option.type:
        case "boolean":
            return bool
        case "integer":
            return int
        case "decimal":
            return Decimal
        case "choice" if option.choices:
            return Literal[tuple(option.choices)]
        case _:
            return str


def value_of(option: OptionSpec, given: Any) -> Any:
    """`given` as the option's type. Raises `ValueError` with what it must be."""
    match option.type:
        case "boolean" if isinstance(given, bool):
            return given
        case "integer" if isinstance(given, int) and not isinstance(given, bool):
            return given
        case "decimal" if isinstance(given, int | float | str | Decimal) and not isinstance(given, bool):
            return _decimal(given)
        case "string" if isinstance(given, str):
            return given
        case "choice" if given in option.choices:
            return given
        case "choice":
            raise ValueError(f"must be one of {', '.join(option.choices)}, not {given!r}")
    wanted = {"boolean": "true or false", "integer": "a whole number", "decimal": "a number", "string": "text"}
    raise ValueError(f"must be {wanted[option.type]}, not {given!r}")


def own_faults(option: OptionSpec) -> Iterator[tuple[str, str]]:
    """What is wrong with the option itself, as (key, message)."""
    if option.type == "choice" and not option.choices:
        yield "type", "a choice needs 'choices'"
        return
    if option.type != "choice" and option.choices:
        yield "choices", f"only a choice has choices, not a {option.type}"
    if option.default is not None:
        try:
            value_of(option, option.default)
        except ValueError as error:
            yield "default", f"the default {error}"


def link_faults(options: Mapping[str, OptionSpec], given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with the options that a link gives, as (option, message)."""
    faults = [(name, f"there is no such option{did_you_mean(name, options)}") for name in given if name not in options]
    for name, option in options.items():
        value = given.get(name, option.default)
        if value is None and option.nullable:
            continue
        try:
            if value is None:
                raise ValueError("must be given: it has no default")
            value_of(option, value)
        except ValueError as error:
            faults.append((name, str(error)))
    return faults


def resolve_options(options: Mapping[str, OptionSpec], given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each option: as given, else the default; one that is null is left out.

    Raises `ConfigurationError` that names all faults.
    """
    faults = link_faults(options, given)
    if faults:
        raise ConfigurationError("; ".join(f"option {name!r} {message}" for name, message in faults))
    values = {name: given.get(name, option.default) for name, option in options.items()}
    return {name: value_of(options[name], value) for name, value in values.items() if value is not None}


def _decimal(given: float | str | Decimal) -> Decimal:
    try:
        number = Decimal(str(given))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError(f"must be a number, not {given!r}")
    return number
