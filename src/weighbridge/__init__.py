"""Weighbridge weighs AI models before they may drive on to production.

    import weighbridge
    decision = weighbridge.admit("registry.example.com/models/digits:v1", stage="production")
    decision.allowed, [reason.why for reason in decision.reasons]

Importing this package loads nothing else: a public name is loaded when it is first used.
"""

__version__ = "0.1.0"

_PUBLIC = {
    "admit": ("weighbridge.pipelines.gate_two", "decision"),
    "open_gate": ("weighbridge.pipelines.gate_two", "open_gate"),
    "Gate": ("weighbridge.pipelines.gate_two", "Gate"),
    "Decision": ("weighbridge.gate.decision", "Decision"),
    "Reason": ("weighbridge.gate.reason", "Reason"),
    "WeighbridgeError": ("weighbridge.core.errors", "WeighbridgeError"),
}
"""Public name → where it is."""


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'weighbridge' has no attribute {name!r}")
    from weighbridge.core.loading import load

    module, attribute = _PUBLIC[name]
    return getattr(load(module), attribute)
