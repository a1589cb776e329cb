"""What goes out of the network."""

from __future__ import annotations

from build.log_rows import Case, at, flow


def cases() -> dict[str, Case]:
    """For each detection: hits, and rows that come as near as they can."""
    firewall = {"TimeGenerated": at(1), "SourceIp": "10.20.0.4", "Action": "Allow"}
    network = firewall | {"DestinationPort": 443, "Protocol": "TCP"}
    return {
        "egress-name": Case(
            {
                "AZFWApplicationRule": [
                    firewall | {"Fqdn": "EVIL.example"},
                    firewall | {"Fqdn": "evil.example", "Action": "Deny"},
                    firewall | {"Fqdn": "notazureml.ms"},
                    firewall | {"Fqdn": "mcr.microsoft.com"},
                    firewall | {"Fqdn": "west.api.azureml.ms"},
                    firewall | {"Fqdn": ""},
                    firewall | {"Fqdn": "evil.example", "SourceIp": "172.32.0.1"},
                ]
            },
            [("10.20.0.4", "evil.example"), ("10.20.0.4", "notazureml.ms")],
        ),
        "egress-address": Case(
            {
                "AZFWNetworkRule": [
                    network | {"DestinationIp": "203.0.113.7"},
                    network | {"DestinationIp": "172.32.0.1"},
                    network | {"DestinationIp": "2001:db8:1::7"},
                    network | {"DestinationIp": "::ffff:203.0.113.8"},
                    network | {"DestinationIp": "172.31.255.255"},
                    network | {"DestinationIp": "192.168.1.1"},
                    network | {"DestinationIp": "100.64.0.1"},
                    network | {"DestinationIp": "169.254.169.254"},
                    network | {"DestinationIp": "fe80::1"},
                    network | {"DestinationIp": "fd00::1"},
                    network | {"DestinationIp": "::ffff:10.0.0.1"},
                    network | {"DestinationIp": "20.60.1.1"},
                    network | {"DestinationIp": ""},
                    network | {"DestinationIp": "203.0.113.7", "SourceIp": "8.8.8.8"},
                ]
            },
            [
                ("10.20.0.4", ip, 443, "TCP")
                for ip in ("203.0.113.7", "172.32.0.1", "2001:db8:1::7", "::ffff:203.0.113.8")
            ],
            {"allowed_ranges": ["20.60.0.0/16"]},
        ),
        "egress-flow": Case(
            {
                "NTANetAnalytics": [
                    flow(),
                    flow(
                        DestIp="203.0.113.5",
                        DestPublicIps="",
                        FlowType="MaliciousFlow",
                        FlowDirection="O",
                        FlowStatus="A",
                    ),
                    flow(FlowType="AzurePublic"),
                    flow(FlowStatus="Denied", DestPort=1),
                    flow(FlowDirection="Inbound", DestPort=2),
                    flow(SrcSubnet="rg/vnet/other"),
                    flow(SubType="StatusMessage", DestPort=3),
                    flow(DestPublicIps="20.60.0.1|1", DestPort=4),
                ]
            },
            [("rg/vnet/ai", "203.0.113.9", 443, "ExternalPublic"), ("rg/vnet/ai", "203.0.113.5", 443, "MaliciousFlow")],
            {"workload_subnets": ["rg/vnet/ai"], "allowed_ranges": ["20.60.0.0/16"]},
        ),
    }
