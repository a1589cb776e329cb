"""The table [registries]: what it may say, and that what it may not say is an error with a mend."""

from __future__ import annotations

import pytest

from weighbridge.core.errors import UsageError
from weighbridge.core.settings import RegistrySetting, load_settings


def load(tmp_path, text):
    path = tmp_path / "weighbridge.toml"
    path.write_text(text)
    return load_settings(str(path), {})


def test_a_host_has_its_own_settings(tmp_path):
    settings = load(
        tmp_path,
        """
        registry = "registry.example.com/models"
        [registries."registry.example.com"]
        ca_file = "ca.pem"
        mirror = "mirror.example.com/cache"
        login = "docker"
        [registries."127.0.0.2:5000"]
        plain_http = false
        """,
    )
    assert settings.registry == "registry.example.com/models"
    assert settings.registries == {
        "registry.example.com": RegistrySetting(str(tmp_path / "ca.pem"), None, "mirror.example.com/cache", "docker"),
        "127.0.0.2:5000": RegistrySetting(plain_http=False),
    }


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("registries = 5", "is no table"),
        ('[registries]\n"x.test" = 5', "is no table"),
        ('[registries."x.test"]\nca_fil = "x"', "ca_file"),
        ('[registries."x.test"]\nca_file = 5', "no text"),
        ('[registries."x.test"]\nplain_http = "yes"', "neither true nor false"),
        ('[registries."x.test"]\nlogin = "aws"', "login"),
    ],
)
def test_what_it_may_not_say(tmp_path, text, cause):
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    assert cause in caught.value.cause + caught.value.mend
    assert caught.value.mend
