"""Which data a model was trained on: fingerprints that were signed where the data lies, bound to the model here.

    predicateType   https://weighbridge.dev/predicate/training-data/v1
    predicate       {"datasets": [{"name", "uri": <place at its revision>, "digest": {"sha256": <root of its files>},
                                   "annotations": {"role": "training", "revision", "records": {"number", "root"},
                                                   "fingerprint": {"sha256": <of the bundle>, "signer", "made"}}}, …],
                     "envelope": {"finished"}}

Each entry is a resource descriptor of in-toto. The fingerprint (`core.evidence.DATASET_PREDICATE`) proves which data
was looked at, by whom and when. That the model was trained on it is the word of whoever took the model in.
Source: github.com/in-toto/attestation, spec/v1/resource_descriptor.md.
"""

from __future__ import annotations

from weighbridge.attest.statement import field, malformed, read_sha256
from weighbridge.attest.trust import open_statement
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import UsageError
from weighbridge.core.evidence import DATASET_PREDICATE, TRAINING_DATA_PREDICATE
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.core.digests import Digest


class TrainedOn(NamedTuple):
    """One version of a data set, by its signed fingerprint.

    `root` is that of its files, `records` how many, `record_root` the root of their tree; `bundle` names the bytes of
    the signed fingerprint, `signer` who signed it, `made` when it says that it was made.
    """

    name: str
    root: Digest
    place: str
    revision: str
    records: int
    record_root: Digest
    bundle: Digest
    signer: str
    made: str


class TrainingData(NamedTuple):
    """The data of the model with this model digest; `made_at` is RFC 3339 in UTC."""

    subject: Digest
    data: tuple[TrainedOn, ...]
    made_at: str

    @property
    def kind(self) -> str:
        return "training-data"

    @property
    def predicate_type(self) -> str:
        return TRAINING_DATA_PREDICATE

    def predicate(self) -> dict[str, Any]:
        """The predicate as it is signed."""
        return {"datasets": [_described(one) for one in self.data], "envelope": {"finished": self.made_at}}


def read_fingerprint(bundle: bytes, trust: TrustPolicy, now: datetime) -> TrainedOn:
    """The data set of a signed fingerprint. Raises Rejected if nobody trusted signed it, or if it breaks its form;
    UsageError if it says itself that it could not read everything.
    """
    verified = open_statement(bundle, trust, predicate_type=DATASET_PREDICATE, now=now)
    said, what = verified.statement.predicate, "the fingerprint"
    root = read_sha256(field(said, "rootDigest", str, what).removeprefix("sha256:"), what)
    subjects = {subject.digest: subject.name for subject in verified.statement.subjects}
    if root not in subjects:
        raise malformed("a fingerprint whose root is not what was signed", f"a statement about {root}")
    if field(said, "complete", bool, what) is not True:
        raise UsageError(
            f"the fingerprint of {plain(subjects[root], 80)} says that it did not read everything",
            "take it again from data that can be read whole",
        )
    records, source = field(said, "records", dict, what), field(said, "source", dict, what)
    number = records.get("number")
    if type(number) is not int or number < 0:
        raise malformed("a fingerprint without a number of records", "a whole number")
    envelope = said.get("envelope")
    return TrainedOn(
        subjects[root],
        root,
        field(source, "place", str, what),
        field(source, "revision", str, what),
        number,
        read_sha256(field(records, "root", str, what).removeprefix("sha256:"), what),
        digest_bytes(bundle),
        verified.signer_name,
        str(envelope.get("finished", "")) if isinstance(envelope, dict) else "",
    )


def _described(one: TrainedOn) -> dict[str, Any]:
    place = f"{one.place}@{one.revision}" if one.place and one.revision else one.place
    return {
        "name": one.name,
        **({"uri": place} if place else {}),
        "digest": {"sha256": one.root.hex},
        "annotations": {
            "role": "training",
            "revision": one.revision,
            "records": {"number": one.records, "root": str(one.record_root)},
            "fingerprint": {"sha256": one.bundle.hex, "signer": one.signer, "made": one.made},
        },
    }
