"""The rules of gate two's own routes, which `web/app.py` answers."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES
from weighbridge.web.access import GATE, PUBLIC, Rule

if TYPE_CHECKING:
    from weighbridge.web.access import Handler

STAGE = {"type": "string", "enum": list(STAGES)}
ADMIT = {
    "type": "object",
    "properties": {"reference": {"type": "string", "minLength": 1, "maxLength": 600}, "stage": STAGE},
    "required": ["reference", "stage"],
    "additionalProperties": False,
}
STATUS = {
    "type": "object",
    "properties": {"status": {"type": "string"}, "why": {"type": "string"}},
    "required": ["status"],
}
REVIEW = {
    "type": "object",
    "properties": {
        "apiVersion": {"const": "admission.k8s.io/v1"},
        "kind": {"const": "AdmissionReview"},
        "request": {"type": "object"},
    },
    "required": ["apiVersion", "kind", "request"],
}


def gate_rules(admit: Handler, review: Handler, healthy: Handler, ready: Handler) -> tuple[Rule, ...]:
    """The routes. Kubernetes sends no token: who reaches the webhook is up to the network, or to --client-ca."""
    ask = "Ask gate two whether a model may be deployed"
    hook = "The admission webhook of Kubernetes"
    return (
        Rule("/v1/admit", ("POST",), GATE, admit, ask, scope="item", body=ADMIT),
        Rule("/admission", ("POST",), PUBLIC, review, f"{hook}, for production", body=REVIEW),
        Rule("/admission/{stage}", ("POST",), PUBLIC, review, f"{hook}, for a stage", body=REVIEW),
        Rule("/healthz", ("GET",), PUBLIC, healthy, "The process answers", gives=STATUS),
        Rule("/readyz", ("GET",), PUBLIC, ready, "It could decide", gives=STATUS, also=(503,)),
    )
