"""The identity that Azure gives this process: managed identity, workload identity, `az login`. Extra: azure."""

from __future__ import annotations

from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.identity import DefaultAzureCredential


def azure_identity(otherwise: str = "") -> DefaultAzureCredential:
    """The identity; nothing is asked of Azure yet. `otherwise` is what to do without the library, if there is a way.

    What the library would write on standard error by itself comes as an exception too, which is told in one sentence.
    Raises UsageError if the library is not installed.
    """
    try:
        from azure.identity import DefaultAzureCredential as Found
    except ImportError as error:
        raise UsageError(
            "the identity of Azure is wanted, and azure-identity is not installed",
            f"pip install 'weighbridge[azure]'{f', or {otherwise}' if otherwise else ''}",
        ) from error
    import logging

    logger = logging.getLogger("azure")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return Found()
