"""The identity of Azure: one sentence if its library is missing, and nothing on standard error by itself."""

from __future__ import annotations

import logging
import sys

import pytest

from weighbridge.core.azure_identity import azure_identity
from weighbridge.core.errors import UsageError


def test_without_the_library_the_mend_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    with pytest.raises(UsageError) as caught:
        azure_identity("log in with docker login")
    assert caught.value.mend == "pip install 'weighbridge[azure]', or log in with docker login"


def test_the_library_does_not_talk_for_itself(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("azure"), "propagate", False)  # the handlers of the tests are above it
    azure_identity()
    logging.getLogger("azure.identity").warning("a failure that is told as an exception")
    assert capsys.readouterr().err == ""
