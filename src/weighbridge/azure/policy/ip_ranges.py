"""Ranges of addresses: `10.0.0.0/24`, `10.0.0.1`, `10.0.0.1-10.0.0.9`, and the same with IPv6."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from weighbridge.azure.policy.faults import EvaluationError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def range_contains(outer: str, inner: str) -> bool:
    """Whether all of `inner` is in `outer`. Raises EvaluationError for no range, or two families."""
    wide, narrow = _range(outer), _range(inner)
    if wide[0] != narrow[0]:
        raise EvaluationError("ipRangeContains is given addresses of two families")
    return wide[1] <= narrow[1] and narrow[2] <= wide[2]


def parse_cidr(text: str) -> dict[str, Any]:
    """What `parseCidr` gives."""
    network = _network(text)
    first, last = network.network_address, network.broadcast_address
    wide = network.version == 4 and network.prefixlen < 31
    return {
        "network": str(first),
        "netmask": str(network.netmask),
        **({"broadcast": str(last)} if network.version == 4 else {}),
        "firstUsable": str(first + 1 if wide else first),
        "lastUsable": str(last - 1 if wide else last),
        "cidr": network.prefixlen,
    }


def cidr_subnet(text: str, prefix: int, index: int) -> str:
    """The subnet of a size at an index."""
    network = _network(text)
    if not network.prefixlen <= prefix <= network.max_prefixlen:
        raise EvaluationError("cidrSubnet is given a size that does not fit")
    if not 0 <= index < 1 << (prefix - network.prefixlen):
        raise EvaluationError("cidrSubnet is given an index that does not exist")
    start = int(network.network_address) + (index << (network.max_prefixlen - prefix))
    return f"{type(network.network_address)(start)}/{prefix}"


def cidr_host(text: str, index: int) -> str:
    """The usable address at an index."""
    network = _network(text)
    start = 1 if network.version == 4 and network.prefixlen < 31 else 0
    last = int(network.broadcast_address) - (1 if start else 0)
    address = int(network.network_address) + start + index
    if index < 0 or address > last:
        raise EvaluationError("cidrHost is given an index that does not exist")
    return str(type(network.network_address)(address))


def _network(text: str) -> Any:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise EvaluationError(f"{text[:60]!r} is no range of addresses") from None


def _range(text: str) -> tuple[int, int, int]:
    first, dash, last = (part.strip() for part in text.partition("-"))
    try:
        if dash:
            low, high = ip_address(first), ip_address(last)
            if low.version != high.version or int(low) > int(high):
                raise EvaluationError(f"{text[:60]!r} is an empty range")
            return low.version, int(low), int(high)
        network = ip_network(first, strict=False)
    except ValueError:
        raise EvaluationError(f"{text[:60]!r} is no range of addresses") from None
    return network.version, int(network.network_address), int(network.broadcast_address)
