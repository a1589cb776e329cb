"""The detections, one to a file, by number. A new one is a file here with `DETECTION`, its name below, and its test."""

from __future__ import annotations

NAMES = (
    "egress_name",
    "egress_address",
    "egress_flow",
    "deployment_source",
    "deployment_unadmitted",
    "extraction_volume",
    "extraction_slow",
    "extraction_template",
    "behaviour_change",
    "latency_drift",
    "token_drift",
    "leak_canary",
    "leak_personal",
    "vault_enumeration",
    "identity_new_place",
    "registry_writer",
    "tag_moved",
    "policy_removed",
    "diagnostics_removed",
    "data_purge",
    "data_key_access",
    "key_listing",
    "network_loosened",
    "defender_alert",
)
"""Modules of this package, in the order in which they are listed."""
