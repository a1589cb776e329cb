"""Rules on secrets and on data about people: what should not have been published with a model."""

from __future__ import annotations

from weighbridge.core.facts import PersonalData, Secret
from weighbridge.core.findings import Severity
from weighbridge.core.known_texts import kinds
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator


@rule("secret/known-form", Severity.HIGH, on=Secret, refs=("CWE-798", "CWE-312", "ATLAS AML.T0055"), since="0.1")
def known_form(secret: Secret, ctx: RuleContext) -> Iterator[Hit]:
    """There is a key, a token or a password in the model.

    What it finds: Secrets by the form that their issuer gave them, with their checksum where they have one: clouds,
        hubs, chats, payment, private keys (`knowledge/secrets.json`). Signed tokens and passwords in addresses are a
        remark (medium). Examples of documentation are left out, and the secret itself is never repeated.
    Why it matters: Whoever has the model can use it, and so could whoever had it first: a model that was published from
        an account that others can enter is not its publisher's any more.
    What to do: Withdraw the secret at its issuer, today. Then remove it from the model and from its history.
    Fires on:
        Secret("github-token", "text", 40, "0123456789ab", True)
        Secret("address-password", "text", 12, "0123456789ab")
    Stays silent on:
        Secret("assigned-secret", "text", 20, "0123456789ab")
    """
    del ctx
    known = kinds().get(secret.kind)
    if known is None:
        return
    severity, _, why = known.partition(" ")
    yield Hit(f"{why}, {_shown(secret)}", Severity(severity))


@rule("secret/assigned", Severity.MEDIUM, on=Secret, refs=("CWE-798",), since="0.1")
def assigned(secret: Secret, ctx: RuleContext) -> Iterator[Hit]:
    """Something that is called a secret has a value that looks like one.

    What it finds: Values drawn by chance behind names such as `password`, `api_key`, `client_secret`.
    Why it matters: It may be the key to something, in a form that nobody else uses.
    What to do: Look at it, and withdraw it if it is one.
    Fires on:
        Secret("assigned-secret", "text", 20, "0123456789ab")
    Stays silent on:
        Secret("github-token", "text", 40, "0123456789ab")
    """
    del ctx
    if secret.kind == "assigned-secret":
        yield Hit(_shown(secret))


@rule("secret/personal-data", Severity.LOW, on=PersonalData, refs=("CWE-359",), since="0.1")
def personal_data(found: PersonalData, ctx: RuleContext) -> Iterator[Hit]:
    """There is data about people.

    What it finds: Lists of e-mail addresses; numbers of cards, accounts and of social security (medium), if their check
        digits are right. Only in texts, documents, notebooks and configurations, and only how many there are.
    Why it matters: Laws and contracts say who may keep such data, and a model repository is copied everywhere.
    What to do: Find out where the data comes from, and take it out.
    Fires on:
        PersonalData("e-mail addresses", 120, "text")
        PersonalData("card numbers", 3, "text")
    """
    del ctx
    mail = found.kind == "e-mail addresses"
    yield Hit(f"{found.values} {found.kind}", None if mail else Severity.MEDIUM)


def _shown(secret: Secret) -> str:
    right = ", its checksum is right" if secret.checked else ""
    where = f" in {secret.key}" if secret.key not in ("", "text") else ""
    return f"{secret.size} characters{where}, SHA-256 {secret.digest}…{right}"


RULES = (known_form, assigned, personal_data)
