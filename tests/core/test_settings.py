from pathlib import Path

import pytest

from sealdesk.core.faults import Fault
from sealdesk.core.settings import Environment, Settings


def test_it_works_with_nothing_set() -> None:
    settings = Settings.load({})
    assert (settings.host, settings.port, settings.env) == ("127.0.0.1", 8000, Environment.PRODUCTION)
    assert settings.origins == ("http://127.0.0.1:8000", "http://localhost:8000")
    assert settings.embedded
    assert settings.loopback
    assert settings.data.is_absolute()


@pytest.mark.parametrize("demo", [True, False])
def test_a_child_process_loads_equal_settings(tmp_path: Path, demo: bool) -> None:
    settings = Settings.load(
        {
            "SEALDESK_DATA": str(tmp_path),
            "SEALDESK_PORT": "8123",
            "SEALDESK_HOST": "::1",
            "SEALDESK_SOCKETS": "9,99,300",
        },
        demo=demo,
    )
    assert Settings.load(settings.environ()) == settings
    assert settings.address == "http://[::1]:8123"
    assert settings.sockets == (9, 99, 300)


def test_origins_are_an_allow_list_of_its_own() -> None:
    settings = Settings.load({"SEALDESK_ORIGINS": "https://desk.example, https://help.example:8443"})
    assert settings.origins == ("https://desk.example", "https://help.example:8443")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEALDESK_PORT", "eighty"),
        ("SEALDESK_PORT", "0"),
        ("SEALDESK_PORT", "65536"),
        ("SEALDESK_PORT", "\u0668"),
        ("SEALDESK_ENV", "staging"),
        ("SEALDESK_LOG", "xml"),
        ("SEALDESK_WEB_PROCESSES", "-1"),
        ("SEALDESK_SOCKETS", "5,20"),
        ("SEALDESK_SOCKETS", "0,20,600"),
        ("SEALDESK_SOCKETS", "5,100001,600"),
        ("SEALDESK_SOCKETS", "5,20,86401"),
        ("SEALDESK_SOCKETS", "5,20,600,"),
        ("SEALDESK_ORIGINS", "desk.example"),
        ("SEALDESK_ORIGINS", "https://desk.example/"),
        ("SEALDESK_ORIGINS", "ftp://desk.example"),
    ],
)
def test_a_value_without_sense_is_named(name: str, value: str) -> None:
    with pytest.raises(Fault, match=name):
        Settings.load({name: value})


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("localhost", True), ("0.0.0.0", False), ("desk.example", False)],
)
def test_loopback_is_told_from_the_rest(host: str, loopback: bool) -> None:
    assert Settings.load({"SEALDESK_HOST": host}).loopback is loopback


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"ENV": "demo", "HOST": "0.0.0.0"}, "binds loopback"),
        ({"ENV": "demo", "ORIGINS": "https://public.example"}, "public.example out of"),
        ({"ENV": "demo", "ORIGINS": "http://127.0.0.1:8000 http://public.example"}, "public.example out of"),
        ({"ENV": "development", "HOST": "0.0.0.0"}, "plain http"),
        ({"ENV": "development", "HOST": "0.0.0.0", "ORIGINS": "http://127.0.0.1:8000"}, "plain http"),
        ({"ENV": "development", "ORIGINS": "http://10.0.0.5:8000"}, "plain http"),
        ({"ENV": "development", "ORIGINS": "https://desk.example http://desk.example"}, "plain http"),
    ],
)
def test_plain_http_and_made_up_people_stay_on_this_machine(variables: dict[str, str], said: str) -> None:
    with pytest.raises(Fault, match=said):
        Settings.load({f"SEALDESK_{name}": value for name, value in variables.items()})


@pytest.mark.parametrize(
    "variables",
    [
        {"ENV": "demo", "ORIGINS": "http://localhost:8000 http://[::1]:8000"},
        {"ENV": "development", "HOST": "0.0.0.0", "ORIGINS": "https://desk.example"},
        {"ENV": "development", "HOST": "::1"},
    ],
)
def test_what_stays_on_this_machine_or_is_encrypted_may_be(variables: dict[str, str]) -> None:
    assert Settings.load({f"SEALDESK_{name}": value for name, value in variables.items()})
