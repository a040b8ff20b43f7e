"""Money as Zoho Books counts it: amounts of a currency's smallest unit, half a unit rounded away from zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from typing import Any

from pipeline.apps.zohobooks.connection import ZohoBooksSettings
from pipeline.errors import Refused

NO_DECIMALS = frozenset(
    (
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    )
)
THREE_DECIMALS = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))
LARGEST = Decimal(10) ** 15
FINEST = -30


def decimals_of(code: str, settings: ZohoBooksSettings, profile: Mapping[str, Any]) -> int:
    """Decimals that Zoho keeps of this currency: as set for the connection, else as Zoho says, else ISO 4217."""
    if code in settings.decimals:
        return settings.decimals[code]
    known = profile.get("currencies", {}).get(code)
    if known is not None:
        return int(known["decimals"])
    if code in NO_DECIMALS:
        return 0
    return 3 if code in THREE_DECIMALS else 2


def unit(decimals: int) -> Decimal:
    """The smallest amount: 0.01 for 2."""
    return Decimal(1).scaleb(-decimals)


def rounded(amount: Decimal, decimals: int) -> Decimal:
    """To the smallest unit. Raises `Refused` for what is infinite, or too large to be counted in it."""
    try:
        return amount.quantize(unit(decimals), rounding=ROUND_HALF_UP)
    except InvalidOperation:
        raise Refused(f"{str(amount)[:40]} is no amount that can be booked", cause="amount") from None


def added(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum, whatever the amounts' decimals."""
    with localcontext() as context:
        context.prec = 80
        return sum(amounts, Decimal(0))


def check_amount(amount: Decimal, what: str) -> None:
    """Raises `Refused` for what is no amount of money: not a number, or out of any sensible range."""
    if not amount.is_finite() or abs(amount) >= LARGEST or int(amount.as_tuple().exponent) < FINEST:
        raise Refused(f"{what} is no amount that can be booked: {str(amount)[:40]}", cause="amount")


def plain(amount: Decimal) -> str:
    """As a person writes it: no exponent, no trailing zeros beyond the point."""
    shown = format(amount, "f")
    return (shown.rstrip("0").rstrip(".") if "." in shown else shown) or "0"


def shown(amount: Decimal, decimals: int) -> str:
    """With the currency's decimals (``1038.40``); finer amounts keep their own."""
    whole = rounded(amount, decimals)
    return format(whole, "f") if whole == amount else plain(amount)
