"""The client's address: only trusted proxies are believed, and only as far as they are (ASVS V4.1.3)."""

from ipaddress import ip_address, ip_network

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealdesk.core.faults import Fault
from sealdesk.core.settings import Settings
from sealdesk.web.peers import Peers
from web.conftest import Session
from web.toy import ORIGIN, ToyDesk, make

PROXIES = ("10.0.0.0/8", "2001:db8::/32", "127.0.0.1/32")
FEW = "/api/v1/few"
ADDRESSES = st.ip_addresses().map(str)
INSIDE = st.ip_addresses(network="10.0.0.0/8").map(str) | st.ip_addresses(network="2001:db8::/32").map(str)
OUTSIDE = ADDRESSES.filter(
    lambda text: (
        not any(
            ip_address(text).version == ip_network(each).version and ip_address(text) in ip_network(each)
            for each in PROXIES
        )
        and getattr(ip_address(text), "ipv4_mapped", None) is None
    )
)


def test_it_works() -> None:
    peers = Peers(PROXIES)
    assert peers.client("10.0.0.1", b"203.0.113.9") == "203.0.113.9"
    assert peers.client("10.0.0.1", b"198.51.100.1, 203.0.113.9, 10.2.2.2") == "203.0.113.9"
    assert peers.client("203.0.113.9", b"198.51.100.1") == "203.0.113.9"
    assert peers.client("10.0.0.1", None) == "10.0.0.1"
    assert peers.client("local", b"203.0.113.9") == "local"


@given(OUTSIDE, st.binary(max_size=200))
def test_a_peer_that_is_not_trusted_is_never_believed(peer: str, claimed: bytes) -> None:
    assert Peers(PROXIES).client(peer, claimed) == str(ip_address(peer))


@given(ADDRESSES, st.binary(max_size=200))
def test_without_proxies_nothing_is_believed(peer: str, claimed: bytes) -> None:
    found = Peers().client(peer, claimed)
    assert found == str(getattr(ip_address(peer), "ipv4_mapped", None) or ip_address(peer))


@given(INSIDE, st.lists(ADDRESSES | st.text(max_size=20), max_size=4), OUTSIDE, st.lists(INSIDE, max_size=4))
def test_the_rightmost_untrusted_address_wins_whatever_stands_left_of_it(
    peer: str, forged: list[str], client: str, through: list[str]
) -> None:
    claimed = ", ".join([*forged, client, *through]).encode("latin-1", "replace")
    assert Peers(PROXIES).client(peer, claimed) == str(ip_address(client))


@given(INSIDE, st.text(alphabet=st.characters(max_codepoint=255), max_size=60), st.lists(INSIDE, max_size=3))
def test_what_is_no_address_is_not_believed(peer: str, odd: str, through: list[str]) -> None:
    last = odd.rsplit(",", maxsplit=1)[-1].strip(" \t")
    try:
        ip_address(last)
    except ValueError:
        claimed = ", ".join([odd, *through]).encode("latin-1")
        assert Peers(PROXIES).client(peer, claimed) == str(ip_address(peer))


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b",",
        b"unknown",
        b"203.0.113.9:443",
        b"[2001:db9::1]",
        b"2001:db9::1%eth0",
        b"203.0.113.009",
        b"203.0.113",
        b'for="203.0.113.9"',
        b"203.0.113.9,",
        b"203.0.113.9\n",
    ],
)
def test_malformed_values_fall_back_to_the_peer(odd: bytes) -> None:
    assert Peers(PROXIES).client("10.0.0.1", odd) == "10.0.0.1"


def test_one_address_has_one_name() -> None:
    """IPv4 within IPv6, upper case and long forms count as the same."""
    peers = Peers(PROXIES)
    assert peers.client("::ffff:203.0.113.9", None) == "203.0.113.9"
    assert peers.client("::ffff:10.0.0.1", b"::ffff:203.0.113.9") == "203.0.113.9"
    assert peers.client("10.0.0.1", b"2001:DB9:0:0:0:0:0:1") == "2001:db9::1"


def test_an_inner_host_is_its_own_client() -> None:
    assert Peers(PROXIES).client("10.0.0.1", b"10.7.7.7, 10.0.0.2") == "10.7.7.7"


async def statuses(app: object, session: Session, fields: list[list[tuple[str, str]]]) -> list[int]:
    """One call of a route that an address may call five times, for each list of header fields."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=ORIGIN) as client:  # pyright: ignore[reportArgumentType]
        return [(await client.post(FEW, headers=[*session.bearer.items(), *each])).status_code for each in fields]


async def test_behind_a_proxy_each_client_has_its_own_count(desk: ToyDesk) -> None:
    fields = [[("x-forwarded-for", f"203.0.113.{number}")] for number in range(8)]
    nobody = Session("x" * 43)
    assert await statuses(make(desk, proxies=["127.0.0.0/8"]), nobody, fields) == [401] * 8
    assert await statuses(make(desk), nobody, fields) == [401] * 5 + [429] * 3


async def test_several_fields_are_one_list_and_the_last_word_counts(desk: ToyDesk) -> None:
    """A client that sends the field itself can't push its own address to the left and out of sight."""
    fields = [[("x-forwarded-for", f"192.0.2.{number}"), ("x-forwarded-for", "203.0.113.9")] for number in range(7)]
    found = await statuses(make(desk, proxies=["127.0.0.0/8"]), Session("x" * 43), fields)
    assert found == [401] * 5 + [429] * 2


@pytest.mark.parametrize("name", ["forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"])
async def test_no_other_field_is_read_even_from_a_proxy(desk: ToyDesk, name: str) -> None:
    fields = [[(name, f"203.0.113.{number}")] for number in range(7)]
    found = await statuses(make(desk, proxies=["127.0.0.0/8"]), Session("x" * 43), fields)
    assert found == [401] * 5 + [429] * 2


def test_the_setting_takes_networks_only() -> None:
    loaded = Settings.load({"SEALDESK_TRUSTED_PROXIES": "10.1.2.0/24, 2001:db8::7"})
    assert loaded.trusted_proxies == ("10.1.2.0/24", "2001:db8::7/128")
    assert Settings.load(loaded.environ()) == loaded
    for odd in ("proxy.internal", "10.1.2.3/24", "*"):
        with pytest.raises(Fault, match="SEALDESK_TRUSTED_PROXIES"):
            Settings.load({"SEALDESK_TRUSTED_PROXIES": odd})
