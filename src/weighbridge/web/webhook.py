"""The admission webhook of Kubernetes: an AdmissionReview in, allowed or a sentence why not out.

    {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
     "request": {"uid", "kind": {"group", "version", "kind"}, "operation", "namespace", "object", "oldObject", …}}

Everything that cannot be judged is denied. Two things are allowed unseen: a deletion, and a change that changes
nothing of what runs (else nobody could take a finalizer off a model whose scan has become too old). A dry run is judged
as any other and not written into the log of decisions.
Source: kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers.
"""

from __future__ import annotations

import math

from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.web.bodies import BadRequest
from weighbridge.web.site import decide_on, image_problem
from weighbridge.web.workloads import Workload, read_workload

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.gate.decision import Recorded
    from weighbridge.web.site import Site

API_VERSION = "admission.k8s.io/v1"
MAX_MODELS = 16
"""Models of one object."""
MAX_MESSAGE = 1500
"""Characters of the sentence that the person sees who deploys."""


class Review(NamedTuple):
    """A request for admission, as far as its form goes."""

    uid: str
    request: dict[str, Any]


class Ruling(NamedTuple):
    """The answer. `problems` is empty exactly if it is allowed; `digests` are those that gate two allowed, `recorded`
    where its decisions stand in the log.
    """

    problems: tuple[str, ...]
    digests: tuple[str, ...] = ()
    recorded: tuple[Recorded, ...] = ()

    @property
    def allowed(self) -> bool:
        return not self.problems


def read_review(document: dict[str, Any]) -> Review:
    """The request of an AdmissionReview. Raises BadRequest for something that has no answer."""
    request = document.get("request")
    if document.get("apiVersion") != API_VERSION or document.get("kind") != "AdmissionReview":
        raise BadRequest(400, f"the body is no AdmissionReview of {API_VERSION}")
    if not isinstance(request, dict) or not isinstance(request.get("uid"), str) or not request["uid"]:
        raise BadRequest(400, "the AdmissionReview has no request with a uid")
    return Review(request["uid"], request)


def rule_on(review: Review, site: Site, stage: str, until: float = math.inf) -> Ruling:
    """Judge what an object would run. Errors of ours are problems: they never allow. `until`: see `decide_on`."""
    request = review.request
    operation = request.get("operation")
    if operation == "DELETE":
        return Ruling(())
    if operation not in ("CREATE", "UPDATE"):
        return Ruling((f"the operation {plain(str(operation), 40)!r} is not understood",))
    item, kind = request.get("object"), request.get("kind")
    if not isinstance(item, dict) or not isinstance(kind, dict):
        return Ruling(("there is no object to judge",))
    group, version = str(kind.get("group", "")), str(kind.get("version", ""))
    if item.get("kind") != kind.get("kind") or item.get("apiVersion") != (f"{group}/{version}" if group else version):
        return Ruling(("the object is of another kind than its request says",))
    wanted = read_workload(item)
    if operation == "UPDATE" and not wanted.refused and wanted == read_workload(request.get("oldObject")):
        return Ruling(())
    return judge(wanted, site, stage, until, record=request.get("dryRun") is not True)


def judge(wanted: Workload, site: Site, stage: str, until: float = math.inf, *, record: bool = True) -> Ruling:
    """Ask gate two about every model, and the settings about images and volumes."""
    problems = list(wanted.refused)
    allowed = site.settings.server
    problems += [problem for image in wanted.images if (problem := image_problem(image, allowed.images))]
    problems += [
        f"a volume of the kind {plain(kind, 80)} may hold a model that nobody weighed"
        for kind in wanted.volumes
        if kind not in allowed.volumes
    ]
    if len(wanted.models) > MAX_MODELS:
        problems.append(f"it names more than {MAX_MODELS} models")
    digests, recorded = [], []
    for text in wanted.models[:MAX_MODELS]:
        try:
            decision = decide_on(site, text, stage, pinned=True, until=until, record=record)
        except WeighbridgeError as error:
            problems.append(f"the model {plain(text, 200)}: {error.cause}")
            continue
        if decision.recorded is not None:
            recorded.append(decision.recorded)
        if decision.allowed:
            digests.append(str(decision.digest))
            continue
        unmet = [reason for reason in decision.reasons if reason.result.value != "met"]
        why = "; ".join(f"{reason.requirement}: {plain(reason.why, 200)}" for reason in unmet) or "no reason was met"
        problems.append(f"the model {plain(text, 200)} is denied for {stage}: {why}")
    return Ruling(tuple(problems), tuple(digests), tuple(recorded))


def review_answer(uid: str, ruling: Ruling) -> dict[str, Any]:
    """The AdmissionReview to send back."""
    response: dict[str, Any] = {"uid": uid, "allowed": ruling.allowed}
    notes = {}
    if ruling.allowed and ruling.digests:
        notes["models"] = ",".join(ruling.digests)
    if ruling.recorded:
        # The cluster's own log then is a witness of ours.
        notes["decisions"] = ",".join(f"{one.log}/{one.sequence}/{one.hash}" for one in ruling.recorded)
    if notes:
        response["auditAnnotations"] = notes
    if not ruling.allowed:
        message = "weighbridge: " + " | ".join(ruling.problems)
        shown = message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
        response["status"] = {"status": "Failure", "reason": "Forbidden", "code": 403, "message": shown}
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}
