"""The demo's month in Togai: a dozen accounts, fifteen invoices, one of each kind that matters; and bulk data.

The functions act on the twin as a tenant's users and its billing would, and state what must come of it in Zoho Books,
so that whoever runs them can check the outcome against the twins.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from pipeline.sandbox.togai.documents import InvoiceSpec, consolidate, draft, generate
from pipeline.sandbox.togai.money import Card, Parts, Slab
from pipeline.sandbox.togai.state import State
from pipeline.sandbox.wire import Json

GROUP_ID = "inv_group.20rvWRxQcQK.0ZwPG"


class ExpectedInvoice(msgspec.Struct, frozen=True):
    """An invoice that must arrive in Zoho Books, once, with this total. `owner_id` is an account or a group."""

    id: str
    owner_id: str
    currency: str
    total: Decimal


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What must be in Zoho Books when everything has been synced, and nothing else.

    `contacts` are the Togai ids that need a contact each: all accounts, and the group that owns a composite invoice.
    `withheld` says why each of the other invoices must not arrive.
    """

    accounts: int
    invoices: int
    contacts: tuple[str, ...]
    arriving: tuple[ExpectedInvoice, ...]
    withheld: dict[str, str]


_ACCOUNTS: tuple[tuple[str, str, str, str, str], ...] = (
    ("acme-prod", "ACME Production", "USD", "Florence", "US"),
    ("borealis", "Borealis Analytics", "USD", "Boulder", "US"),
    ("cobalt", "Cobalt Robotics", "EUR", "Hamburg", "DE"),
    ("dhruva", "Dhruva Logistics", "INR", "Pune", "IN"),
    ("ember", "Ember Studios", "USD", "Austin", "US"),
    ("fathom", "Fathom Labs", "USD", "Portland", "US"),
    ("gulf-east", "Gulf Trading East", "USD", "Houston", "US"),
    ("gulf-west", "Gulf Trading West", "USD", "Houston", "US"),
    ("hoshi", "Hoshi Seisakusho", "JPY", "Osaka", "JP"),
    ("idwan", "Idwan Petrochemicals", "KWD", "Kuwait City", "KW"),
    ("jubilee", "Jubilee Publishing", "EUR", "Leuven", "BE"),
    ("kestrel", "Kestrel Aviation", "USD", "Wichita", "US"),
)


def demo(state: State) -> Expected:
    """Run the demo's month. Everything but Togai's own ids and the dates is the same each time."""
    for id_, name, currency, city, country in _ACCOUNTS:
        if id_ == "gulf-west":
            state.create_account(_account(id_, name, currency, city, country) | {"customerId": "gulf-east"})
        else:
            state.create_customer(_customer(id_, name, currency, city, country))
    state.create_group(
        {
            "id": GROUP_ID,
            "name": "Gulf Trading Group",
            "email": "group@gulf.example",
            "accountIds": ["gulf-east", "gulf-west"],
            "billingAddress": {"line1": "1 Harbour Road", "city": "Houston", "country": "US"},
        }
    )
    arriving = [_expected(_generated(state, spec)) for spec in _ordinary()]
    members = [draft(state, _seats("gulf-east", "12"))["id"], draft(state, _seats("gulf-west", "7"))["id"]]
    arriving.append(_expected(consolidate(state, GROUP_ID, members)))
    withheld = dict.fromkeys(members, "merged into the group's invoice")
    withheld[_generated(state, _zero())["id"]] = "the total is zero"
    withheld[_generated(state, _order())["id"]] = "an order, not an invoice"
    withheld[draft(state, _seats("kestrel", "3"))["id"]] = "still ongoing"
    return Expected(
        accounts=len(state.accounts),
        invoices=len(state.invoices),
        contacts=(*(account[0] for account in _ACCOUNTS), GROUP_ID),
        arriving=tuple(arriving),
        withheld=withheld,
    )


def bulk(state: State, accounts: int, invoices: int, *, seed: int = 1) -> Expected:
    """`accounts` accounts and `invoices` generated invoices, spread evenly over them; all must arrive."""
    ids = [f"bulk-{seed}-{number:05d}" for number in range(accounts)]
    for id_ in ids:
        state.create_customer(_customer(id_, f"Bulk {id_}", "USD", "Florence", "US"))
    arriving = []
    for number in range(invoices):
        owner = ids[number % accounts]
        arriving.append(_expected(_generated(state, _seats(owner, str(1 + (number + seed) % 90)))))
    return Expected(accounts=accounts, invoices=invoices, contacts=tuple(ids), arriving=tuple(arriving), withheld={})


def _ordinary() -> list[InvoiceSpec]:
    """Nine invoices of single accounts that must arrive."""
    return [
        _everything("acme-prod"),
        InvoiceSpec(
            account_id="cobalt",
            parts=Parts(
                cards=(
                    _usage("Robot minutes", ("100000", "0.0125"), ("52340", "0.0095")),
                    Card(
                        description="Fleet seats",
                        type="LICENSE_RATE_CARD_AMOUNT",
                        tag="Fleet",
                        slabs=(_slab("40", "19.90"), _slab("12", "17.50")),
                    ),
                )
            ),
        ),
        InvoiceSpec(
            account_id="borealis",
            parts=Parts(
                cards=(_usage("Queries", ("250000", "0.0017")),),
                minimum_commitment=Decimal(500),
                credits=(Card(description="Referral credit", value=Decimal("75.50"), id="cred.236.12efwe"),),
            ),
        ),
        InvoiceSpec(
            account_id="dhruva",
            parts=Parts(
                cards=(_usage("Shipments", ("8123", "3.75")), _fee("Platform fee", "14999")),
                tax_percent=Decimal(18),
                tax_description="GST 18%",
            ),
        ),
        InvoiceSpec(
            account_id="ember",
            parts=Parts(
                cards=(_fee("Studio plan", "1290"),),
                charges=(Card(description="Launch discount", value=Decimal("-193.50")),),
            ),
        ),
        InvoiceSpec(
            account_id="hoshi",
            parts=Parts(cards=(_usage("Parts inspected", ("33333", "1.7")), _fee("Line fee", "48000"))),
        ),
        InvoiceSpec(
            account_id="idwan",
            parts=Parts(cards=(_usage("Barrels metered", ("1204", "0.1255")), _fee("Site fee", "325.750"))),
        ),
        InvoiceSpec(
            account_id="fathom",
            invoice_type="CUSTOM",
            parts=Parts(
                purchases=(
                    Card(description="Dive survey", type="CUSTOM_AMOUNT", slabs=(_slab("3", "450"),)),
                    Card(description="Report", type="CUSTOM_AMOUNT", value=Decimal("799.99")),
                ),
                charges=(Card(description="Travel", value=Decimal("128.40")),),
            ),
        ),
        InvoiceSpec(
            account_id="jubilee",
            invoice_type="STANDARD_ADVANCED",
            parts=Parts(
                advances=(
                    Card(description="Press licence (next cycle)", type="ADVANCED_FIXED_FEE", value=Decimal(640)),
                )
            ),
        ),
    ]


def _everything(account_id: str) -> InvoiceSpec:
    """Slabs, fee, seats, overage, true-up, advance fee, credit, charge, discount and tax on one invoice: 1138.70."""
    overage = Card(
        description="SMS overage",
        type="ENTITLEMENT_OVERAGE_RATE_CARD_AMOUNT",
        slabs=(_slab("500", "0.02"), _slab("1000", "0.02")),
    )
    return InvoiceSpec(
        account_id=account_id,
        parts=Parts(
            cards=(
                _usage("API calls", ("10000", "0.001"), ("22109", "0.0008")),
                _fee("Platform fee", "499"),
                Card(description="Seats", type="LICENSE_RATE_CARD_AMOUNT", slabs=(_slab("25", "12"),)),
                overage,
            ),
            minimum_commitment=Decimal(900),
            advances=(
                Card(description="Support retainer (next cycle)", type="ADVANCED_FIXED_FEE", value=Decimal(100)),
            ),
            credits=(Card(description="Referral credit", value=Decimal(50), id="cred.237.98abcd"),),
            charges=(
                Card(description="Onboarding", slabs=(_slab("2", "20"),)),
                Card(description="Launch discount", value=Decimal(-25)),
            ),
            tax_percent=Decimal(18),
            tax_description="GST 18%",
        ),
    )


def _seats(account_id: str, seats: str) -> InvoiceSpec:
    card = Card(description="Seats", type="LICENSE_RATE_CARD_AMOUNT", slabs=(_slab(seats, "29.95"),))
    return InvoiceSpec(account_id=account_id, parts=Parts(cards=(card,)))


def _zero() -> InvoiceSpec:
    """A free trial: what was used costs less than half a cent."""
    return InvoiceSpec(account_id="kestrel", parts=Parts(cards=(_usage("Trial calls", ("4", "0.001")),)))


def _order() -> InvoiceSpec:
    card = Card(description="Prepaid credits", type="CUSTOM_AMOUNT", value=Decimal(2500))
    return InvoiceSpec(account_id="borealis", invoice_class="ORDER", parts=Parts(purchases=(card,)))


def _usage(description: str, *slabs: tuple[str, str]) -> Card:
    made = tuple(_slab(quantity, rate) for quantity, rate in slabs)
    return Card(description=description, type="USAGE_RATE_CARD_AMOUNT", slabs=made)


def _fee(description: str, value: str) -> Card:
    return Card(description=description, slabs=(_slab("1", value),))


def _slab(quantity: str, rate: str) -> Slab:
    return Slab(Decimal(quantity), Decimal(rate))


def _generated(state: State, spec: InvoiceSpec) -> Json:
    return generate(state, draft(state, spec)["id"])


def _expected(invoice: Json) -> ExpectedInvoice:
    return ExpectedInvoice(invoice["id"], invoice["ownerId"], invoice["revenueInfo"]["units"], invoice["totalAmount"])


def _customer(id_: str, name: str, currency: str, city: str, country: str) -> Json:
    account = _account(id_, name, currency, city, country)
    return {
        "id": id_,
        "name": name,
        "primaryEmail": account["primaryEmail"],
        "address": account["address"],
        "account": account,
    }


def _account(id_: str, name: str, currency: str, city: str, country: str) -> Json:
    return {
        "id": id_,
        "name": name,
        "invoiceCurrency": currency,
        "primaryEmail": f"billing@{id_}.example",
        "address": {"line1": "1 Main Street", "city": city, "country": country, "phoneNumber": "+18435550100"},
        "netTermDays": 30,
        "metadata": {"GSTN": "29ABCDE1234F1Z5"} if country == "IN" else {},
        "tags": ["demo"],
    }
