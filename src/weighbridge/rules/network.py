"""Rules on addresses: where a model would send something, or fetch something from."""

from __future__ import annotations

from weighbridge.core.facts import Address
from weighbridge.core.findings import Severity
from weighbridge.core.known_texts import hosts, words
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_DOCUMENTS = ("markdown", "html", "text")
"""Formats that people read and nothing acts upon."""
_SERVICES = ("chat-hook", "catcher", "tunnel", "paste", "onion")
_READ = {"chat-hook": Severity.MEDIUM, "catcher": Severity.MEDIUM, "tunnel": Severity.LOW, "paste": Severity.LOW}
_INVENTED = ("<", "xxx", "your", "...", "00000000", "{", "example")


@rule("network/exfiltration-host", Severity.HIGH, on=Address, refs=("CWE-506", "ATLAS AML.T0024"), since="0.1")
def exfiltration_host(address: Address, ctx: RuleContext) -> Iterator[Hit]:
    """The model names a place where data is sent to without a name.

    What it finds: Web hooks of chats, services that keep every request, places for files without an owner, tunnels to
        unknown machines, hidden services; from `knowledge/network.json`. In documents a remark, but for the web hook
        of a chat that is complete. Placeholders of documentation are left out.
    Why it matters: What a loader, a template or a notebook finds in the model reaches somebody through such a place,
        and nobody can say whom.
    What to do: Ask what the address is for. Block the host where the model runs.
    Fires on:
        Address("chat-hook", "discord.com/api/webhooks/123456789012345678/", "callback")
        Address("catcher", "webhook.site/2f6c1f8e", "notify")
    Stays silent on:
        Address("chat-hook", "discord.com/api/webhooks/<id>", "text")
        Address("metadata", "169.254.169.254", "text")
    """
    if address.kind not in _SERVICES or address.encoding:
        return
    if address.kind == "chat-hook" and any(mark in address.target.lower() for mark in _INVENTED):
        return
    severity = None
    if ctx.format in _DOCUMENTS:
        complete = address.kind == "chat-hook" and sum(map(str.isdigit, address.target)) >= 9
        severity = None if complete else _READ.get(address.kind, Severity.MEDIUM)
    yield Hit(f"{_where(address)}{_why(address)}", severity)


@rule("network/metadata-endpoint", Severity.HIGH, on=Address, refs=("CWE-918", "ATLAS AML.T0055"), since="0.1")
def metadata_endpoint(address: Address, ctx: RuleContext) -> Iterator[Hit]:
    """The model names the address that hands out a machine's credentials.

    What it finds: The metadata services of Azure, AWS, Google and others, and the variables that lead there. In
        documents a remark (low).
    Why it matters: From inside of the machine that runs the model, one request there gives a token for everything that
        the machine may do.
    What to do: Do not run the model. Block the address for the process that serves it.
    Fires on:
        Address("metadata", "169.254.169.254/metadata/identity/oauth2/token", "url")
    Stays silent on:
        Address("ip", "198.51.100.7", "url")
    """
    if address.kind == "metadata" and not address.encoding:
        yield Hit(f"{_where(address)}{_why(address)}", Severity.LOW if ctx.format in _DOCUMENTS else None)


@rule("network/bare-address", Severity.HIGH, on=Address, refs=("CWE-506",), since="0.1")
def bare_address(address: Address, ctx: RuleContext) -> Iterator[Hit]:
    """The model names a public machine by its number.

    What it finds: `http://` with a public number for a host, and numbers with a port (medium). In documents a remark
        (low).
    Why it matters: Nobody publishes a service under a number; machines that wait for stolen data have no name.
    What to do: Find out whose the address is.
    Fires on:
        Address("ip", "45.67.89.10/x", "url")
        Address("ip-port", "45.67.89.10:4444", "url")
    Stays silent on:
        Address("metadata", "169.254.169.254", "url")
    """
    if address.kind not in ("ip", "ip-port") or address.encoding:
        return
    usual = None if address.kind == "ip" else Severity.MEDIUM
    yield Hit(_where(address), Severity.LOW if ctx.format in _DOCUMENTS else usual)


@rule("network/hidden-address", Severity.HIGH, on=Address, refs=("CWE-506", "CWE-656"), since="0.1")
def hidden_address(address: Address, ctx: RuleContext) -> Iterator[Hit]:
    """The model hides an address.

    What it finds: Addresses in base64, hexadecimal, escapes, written backwards, changed by one byte, or as one number.
        Ordinary links in base64 or escapes, and such in documents, are a remark (medium).
    Why it matters: Nobody hides an address from whom he wants to see it.
    What to do: Look at what reads the value, and at where it leads.
    Fires on:
        Address("catcher", "webhook.site/x", "value", "base64")
        Address("link", "https://evil.example/x", "value", "base64+xor")
        Address("link", "https://evil.example/x", "value", "base64")
    Stays silent on:
        Address("catcher", "webhook.site/x", "value")
    """
    if not address.encoding or (address.kind == "link" and ctx.format in _DOCUMENTS and address.encoding == "escapes"):
        return
    if address.kind == "ip" and address.encoding == "number" and "(127." in address.target:
        return
    plain = address.kind == "link" and address.encoding in ("base64", "hex", "escapes")
    weak = plain or (ctx.format in _DOCUMENTS and address.kind == "link")
    yield Hit(f"{_where(address)}, hidden as {address.encoding}", Severity.MEDIUM if weak else None)


def _where(address: Address) -> str:
    return f"{address.key}: {address.target}" if address.key not in ("", "text") else address.target


def _why(address: Address) -> str:
    name = address.target.partition("/")[0].partition(":")[0].lower()
    while name:
        for entry in hosts().get(name, ()):
            if entry.kind == address.kind:
                return f" ({entry.why})"
        name = name.partition(".")[2]
    found = words().get(address.target)
    return f" ({found[1]})" if found else ""


RULES = (exfiltration_host, metadata_endpoint, bare_address, hidden_address)
