"""Files are checked as a whole, each fault has its place, and only what changed is written."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pipeline.control.apply import Applier, changes
from pipeline.control.places import Faults
from pipeline.control.secrets import SecretBox, open_secrets
from tests.control import parts

BOX = SecretBox({"a": b"k" * 32})

FILE = """\
connections:
  - id: togai-main
    app: togai
    secrets: {api_token: {env: TEST_TOGAI_TOKEN}}
  - id: books-main
    app: zohobooks
    settings: {organization: "10234695"}
    secrets: {client_secret: {file: client.secret}, code: {env: TEST_ZOHO_CODE}}
flows: [flows/*.yaml]
links:
  - {id: accounts, flow: accounts, connections: {togai: togai-main, zohobooks: books-main}}
"""


class House:
    """A folder with files, a vendor, and the rows that were written."""

    def __init__(self, folder: Path, environment: pytest.MonkeyPatch) -> None:
        self.folder, self.environment = folder, environment
        self.vendor = parts.Vendor()
        self.rows = parts.Rows()
        self.applier = Applier(parts.apps(self.vendor), parts.check_flow, BOX, parts.NoTransport)
        environment.setenv("TEST_TOGAI_TOKEN", "togai-secret")
        environment.setenv("TEST_ZOHO_CODE", "1000.first")
        self.write("client.secret", "hush\n")
        self.write("flows/accounts.yaml", "name: accounts\nwhen: []\n")
        self.write("connections.yaml", FILE)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def faults(self, *names: str) -> list[str]:
        with pytest.raises(Faults) as raised:
            self.applier.plan(self.files(*names), self.rows.snapshot())
        return [str(fault).replace(f"{self.folder}/", "") for fault in raised.value.faults]

    def files(self, *names: str) -> list[Path]:
        return [self.folder / name for name in names or ["connections.yaml"]]

    def dry(self, *names: str) -> list[str]:
        plan = self.applier.plan(self.files(*names), self.rows.snapshot())
        return [f"{item.what} {item.id}" for item in changes(plan)]

    async def apply(self, *names: str) -> list[str]:
        stored = self.rows.snapshot()
        plan = self.applier.plan(self.files(*names), stored)
        done = await self.applier.apply(plan, stored, self.rows)
        return [f"{item.what} {item.id}{': ' if item.remedy else ''}{item.remedy}" for item in done]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return House(tmp_path, monkeypatch)


async def test_what_was_typed_is_exchanged_sealed_and_written_before_the_links_that_need_it(house: House) -> None:
    assert await house.apply() == ["create togai-main", "create books-main", "create accounts", "create accounts"]

    snapshot = house.rows.snapshot()
    books = snapshot.connection("books-main")
    assert open_secrets("books-main", books.secrets, BOX) == {"client_secret": "hush", "refresh_token": "refresh-1"}
    assert books.settings == {"organization": "10234695"}
    assert snapshot.flow_of(snapshot.links["accounts"]) is not None
    written = repr(house.rows.written)
    assert not [secret for secret in ("hush", "togai-secret", "1000.first", "refresh-1") if secret in written]


async def test_applying_the_same_again_writes_nothing_and_does_not_exchange_the_used_code(house: House) -> None:
    await house.apply()
    house.rows.written.clear()

    assert set(await house.apply()) == {"unchanged togai-main", "unchanged books-main", "unchanged accounts"}
    assert house.rows.written == []
    assert house.vendor.used == ["1000.first"]


async def test_a_later_shell_without_the_code_keeps_the_refresh_token(house: House) -> None:
    await house.apply()
    house.environment.delenv("TEST_ZOHO_CODE")
    house.write("connections.yaml", FILE.replace('"10234695"', '"777"'))

    assert "update books-main" in await house.apply()

    books = house.rows.snapshot().connection("books-main")
    assert books.settings["organization"] == "777"
    assert open_secrets("books-main", books.secrets, BOX)["refresh_token"] == "refresh-1"


async def test_a_new_code_is_exchanged_and_a_changed_secret_beside_a_used_code_is_not_taken_for_the_same(
    house: House,
) -> None:
    await house.apply()
    house.environment.setenv("TEST_ZOHO_CODE", "1000.second")
    assert "update books-main" in await house.apply()
    assert house.vendor.used == ["1000.first", "1000.second"]

    house.write("client.secret", "other")
    assert [line for line in await house.apply() if line.startswith("failed books-main: invalid_code")]


async def test_a_wrong_code_fails_its_connection_and_the_links_that_need_it_and_nothing_else(house: House) -> None:
    house.environment.setenv("TEST_ZOHO_CODE", "wrong")

    done = await house.apply()

    assert done[0] == "create togai-main"
    assert done[1].startswith("failed books-main: invalid_code: the self client code was used")
    assert done[2:] == ["create accounts", "failed accounts: not written: connection books-main could not be made"]
    assert set(house.rows.snapshot().connections) == {"togai-main"}
    assert not house.rows.snapshot().links


async def test_a_failed_start_up_check_keeps_the_exchanged_token_and_tells_the_remedy(house: House) -> None:
    house.vendor.missing = "cf_togai_id"

    done = await house.apply()

    assert "create books-main: custom field cf_togai_id does not exist: create it in Settings > Preferences" in done
    assert "books-main" in house.rows.snapshot().connections


async def test_a_pause_by_an_operator_survives_an_apply_unless_the_file_says_otherwise(house: House) -> None:
    await house.apply()
    books = house.rows.snapshot().connection("books-main")
    house.rows.write([msgspec.structs.replace(books, paused=True)])

    assert "unchanged books-main" in await house.apply()
    house.environment.setenv("TEST_ZOHO_CODE", "1000.second")
    assert "update books-main" in await house.apply()
    assert house.rows.snapshot().connection("books-main").paused

    house.write("connections.yaml", FILE.replace("    app: zohobooks", "    app: zohobooks\n    paused: false"))
    notes = {each.id: each.note for each in changes(house.applier.plan(house.files(), house.rows.snapshot()))}
    assert notes["books-main"] == "resumed: the file says paused: false"
    assert "update books-main" in await house.apply()
    assert not house.rows.snapshot().connection("books-main").paused
    house.write("connections.yaml", FILE.replace("    app: zohobooks", "    app: zohobooks\n    paused: true"))
    assert "update books-main" in await house.apply()
    assert house.rows.snapshot().connection("books-main").paused


async def test_a_changed_flow_moves_the_links_that_run_it_also_those_of_other_files(house: House) -> None:
    await house.apply()
    before = house.rows.snapshot().links["accounts"].flow_version
    house.write("flows/accounts.yaml", "name: accounts\nwhen: [more]\n")

    assert await house.apply("flows/accounts.yaml") == ["update accounts", "update accounts"]

    link = house.rows.snapshot().links["accounts"]
    assert link.flow_version != before
    flow = house.rows.snapshot().flow_of(link)
    assert flow is not None
    assert "more" in flow.text


async def test_going_back_to_an_earlier_flow_makes_it_the_last_one_again(house: House) -> None:
    await house.apply()
    house.write("flows/accounts.yaml", "name: accounts\nwhen: [more]\n")
    await house.apply()
    house.write("flows/accounts.yaml", "name: accounts\nwhen: []\n")
    await house.apply()

    flow = house.rows.snapshot().flow("accounts")
    assert flow is not None
    assert "more" not in flow.text
    assert house.rows.snapshot().links["accounts"].flow_version == flow.version


def test_a_dry_run_says_what_would_be_done_and_asks_nobody(house: House) -> None:
    assert house.dry() == ["create togai-main", "create books-main", "create accounts", "create accounts"]
    assert house.vendor.used == []
    assert house.rows.written == []


def test_all_faults_are_said_at_once_each_with_its_line_and_column(house: House) -> None:
    house.write("flows/broken.yaml", "name: broken\nbad\n")
    house.write(
        "connections.yaml",
        """\
connections:
  - id: togai-main
    app: togay
  - id: books-main
    app: zohobooks
    settings: {organisation: "1"}
    secrets: {client_secret: {file: nowhere}, token: {env: TEST_ZOHO_CODE}}
  - id: books-main
    app: zohobooks
    settings: {organization: "1"}
  - {id: third, app: togai}
flows: [flows/*.yaml, none/*.yaml]
links:
  - {id: one, flow: accounts, connections: {togai: nobody, zohobooks: third}}
  - id: two
    flow: accounts
    connections: {togai: togai-main, slack: books-main}
    options: {sett: 1}
""",
    )

    assert sorted(house.faults()) == sorted(
        [
            "connections.yaml:3:5: no app 'togay': installed are togai, zohobooks",
            "connections.yaml:6:5: connections.1.settings.organization: Field required",
            "connections.yaml:6:16: connections.1.settings.organisation: Extra inputs are not permitted",
            "connections.yaml:7:15: client_secret: file nowhere is not set, empty or not readable",
            "connections.yaml:7:47: zohobooks has no secret 'token'; it has: client_secret, code",
            "connections.yaml:8:5: connection 'books-main' is there twice; first at connections.yaml:4:5",
            "connections.yaml:12:23: no flow file matches 'none/*.yaml'",
            "connections.yaml:14:45: no connection 'nobody'; there are: books-main, third, togai-main",
            "connections.yaml:14:60: connection 'third' is one of app 'togai', not of 'zohobooks'",
            "connections.yaml:17:5: flow 'accounts' needs a connection for app 'zohobooks'",
            "connections.yaml:17:38: flow 'accounts' has no app 'slack'; its apps are: togai, zohobooks",
            "connections.yaml:18:15: option sett: unknown; known are setting",
            "flows/broken.yaml:1:7: bad expression",
            "flows/broken.yaml:2:1: no trigger",
        ]
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("connections: [", "c.yaml:1:15: not YAML: "),
        ("connections:\n  - {id: a, id: b}\n", "c.yaml:2:13: not YAML: 'id' is there twice"),
        ("", "c.yaml: is empty"),
        ("connections: &a [*a]", "c.yaml: not YAML: an alias holds itself"),
        ("links: 3", "c.yaml:1:1: links: Input should be a valid list"),
        (
            "connections:\n  - {id: a, app: togai, secrets: {api_token: plain-secret}}",
            "c.yaml:2:35: connections.0.secrets.api_token: a secret is not written here",
        ),
        ("connections:\n  - {id: a/b, app: togai}", "c.yaml:2:6: connections.0.id: String should match pattern"),
        ("links:\n  - {id: a, flow: none, connections: {}}", "c.yaml:2:13: no flow 'none'; there are: none"),
    ],
)
def test_a_file_that_is_no_control_file_has_one_clear_fault(house: House, text: str, fault: str) -> None:
    house.write("c.yaml", text)

    faults = house.faults("c.yaml")

    assert len(faults) == 1
    assert faults[0].startswith(fault)
    assert "plain-secret" not in faults[0]


def test_a_file_that_is_not_there_is_named(house: House) -> None:
    assert house.faults("gone.yaml") == ["gone.yaml: cannot be read: No such file or directory"]


async def test_an_app_cannot_be_changed_under_a_connection_id(house: House) -> None:
    await house.apply()
    house.write("connections.yaml", "connections:\n  - {id: books-main, app: togai}\n")

    assert house.faults() == [
        "connections.yaml:2:22: connection 'books-main' is one of app 'zohobooks': choose another id"
    ]


async def test_two_links_that_would_write_the_same_object_are_one_fault_at_the_later_one(house: House) -> None:
    twice = FILE + "  - {id: again, flow: accounts, connections: {togai: togai-main, zohobooks: books-main}}\n"
    house.write("connections.yaml", twice)
    [fault] = house.faults()
    assert fault.startswith("connections.yaml:12:17: link 'again' would write the same object as link 'accounts'")
    assert "on togai.account.created both do zohobooks upsert_contact" in fault

    house.write("connections.yaml", twice.replace("again, flow", "again, enabled: false, flow"))
    await house.apply()
    house.write("on.yaml", "links:\n" + twice.splitlines()[-1])
    assert len(house.faults("on.yaml")) == 1, "what is stored counts too"
    house.write(
        "on.yaml", "links:\n" + twice.splitlines()[-1].replace("books-main}}", "books-main}, options: {setting: x}}")
    )
    assert house.dry("on.yaml") == ["update again"]
