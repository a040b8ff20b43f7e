"""Money as Togai takes it: JSON numbers, no more decimals than they came with."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext

from pipeline.errors import Refused

LARGEST = Decimal(10) ** 15
FINEST = -30
ZERO = Decimal(0)


def check_amount(amount: Decimal, what: str) -> None:
    """Raises `Refused` for what is no amount of money: not a number, or out of any sensible range."""
    if not amount.is_finite() or abs(amount) >= LARGEST or int(amount.as_tuple().exponent) < FINEST:
        raise Refused(f"{what} is no amount that can be booked: {str(amount)[:40]}", cause="amount")


def added(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum, whatever the amounts' decimals."""
    with localcontext() as context:
        context.prec = 80
        return sum(amounts, ZERO)


def plain(amount: Decimal) -> str:
    """As a person writes it: no exponent, no trailing zeros beyond the point."""
    shown = format(amount, "f")
    return (shown.rstrip("0").rstrip(".") if "." in shown else shown) or "0"


def number(value: object) -> Decimal:
    """An amount of Togai's JSON; zero where it is missing. Raises `Refused` for what is none."""
    try:
        found = Decimal(str(value if value is not None else 0))
    except ArithmeticError:
        found = Decimal("NaN")
    check_amount(found, "an amount of Togai's answer")
    return found
