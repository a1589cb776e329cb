"""The admission webhook: only what was weighed and pinned may run, and everything that goes wrong is a denial."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any

import pytest

from build.reviews import DIGEST, IMAGE, deployment, inference_service, pod, review
from build.sites import Served, served
from weighbridge.index.log import open_log

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Served:
    folder = tmp_path_factory.mktemp("gate")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return served(folder)


@pytest.fixture
def gate(shared: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.chdir(shared.folder)
    shared.logged.clear()
    return shared


def allowed(gate: Served, item: Any, **more: Any) -> bool:
    return gate.review(review(item, **more))["allowed"]


def message(gate: Served, item: Any, **more: Any) -> str:
    response = gate.review(review(item, **more))
    assert response["allowed"] is False
    assert response["status"]["code"] == 403
    return response["status"]["message"]


def test_a_pod_with_an_admitted_model_may_run(gate: Served) -> None:
    response = gate.review(review(pod(models=(gate.model,))))
    assert response["allowed"] is True
    end = gate.end()
    assert response["auditAnnotations"] == {
        "models": gate.digest,
        "decisions": f"{end.log}/{end.sequence}/{end.hash}",
    }
    assert gate.logged == [
        {
            "path": "/admission",
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "stage": "production",
            "kind": "Pod",
            "namespace": "serving",
            "name": "net",
            "operation": "CREATE",
            "user": "somebody",
            "decision": "allow",
            "digests": [gate.digest],
            "recorded": [{"log": end.log, "sequence": end.sequence, "hash": end.hash}],
            "why": [],
        }
    ]


@pytest.mark.parametrize("form", ["annotation", "deployment", "kserve", "kserve-list", "llm", "cronjob"])
def test_every_way_to_name_an_admitted_model(gate: Served, form: str) -> None:
    named = pod(annotation=gate.model)
    address = f"oci://{gate.model}"
    lists = inference_service()
    lists["spec"]["predictor"]["model"]["storageUris"] = [{"uri": address, "mountPath": "/mnt/models"}]
    job = {"spec": {"template": {"metadata": named["metadata"], "spec": named["spec"]}}}
    items = {
        "annotation": named,
        "deployment": deployment(named),
        "kserve": inference_service(address),
        "kserve-list": lists,
        "llm": {
            "apiVersion": "serving.kserve.io/v1alpha1",
            "kind": "LLMInferenceService",
            "spec": {"model": {"uri": address}},
        },
        "cronjob": {"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"schedule": "* * * * *", "jobTemplate": job}},
    }
    response = gate.review(review(items[form]))
    assert response["allowed"] is True
    assert response["auditAnnotations"]["models"] == gate.digest


UNKNOWN = "net@sha256:" + "b" * 64
REFUSED: dict[str, tuple[Any, str]] = {
    "tag": (pod(models=("net:v1",)), "a tag can move"),
    "unknown digest": (pod(models=(UNKNOWN,)), "the model net@sha256:bbb"),
    "unknown name": (pod(annotation=f"other@{DIGEST}"), "the model other@"),
    "another registry": (pod(models=(f"evil.example/net@{DIGEST}",)), "not in a registry of ours"),
    "look-alike host": (pod(annotation=f"127.0.0.1:9/net@{DIGEST}"), "not in a registry of ours"),
    "a folder of the server": (pod(annotation=f"oci:/etc:net@{DIGEST}"), "not in a registry of ours"),
    "past the registry": (inference_service("hf://org/net"), "fetched past the registry"),
    "s3": (inference_service("s3://bucket/net"), "fetched past the registry"),
    "pvc": (inference_service("pvc://claim/net"), "fetched past the registry"),
    "oci by tag": (inference_service("oci://net:v1"), "a tag can move"),
    "kserve without a model": (inference_service(), "names no model"),
    "cluster storage": (
        {
            **inference_service(),
            "spec": {"predictor": {"model": {"modelFormat": {}, "storage": {"key": "k", "path": "p"}}}},
        },
        "a storage that the cluster keeps",
    ),
    "image by tag": (pod(image="registry.example.com/serving/server:v1"), "has no digest"),
    "image of others": (pod(image=f"evil.example/server@{DIGEST}"), "is not one of those"),
    "image without a name": (pod(image=f"../x@{DIGEST}"), "has no name that is understood"),
    "image beside the prefix": (pod(image=f"registry.example.com/tools-evil/x@{DIGEST}"), "is not one of those"),
    "image is no text": (pod(image=["a"]), "is not named by a text"),  # type: ignore[arg-type]
    "init container": (pod(initContainers=[{"name": "i", "image": "evil:v1"}]), "has no digest"),
    "ephemeral container": (pod(ephemeralContainers=[{"name": "e", "image": "evil:v1"}]), "has no digest"),
    "claimed volume": (
        pod(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]),
        "may hold a model that nobody weighed",
    ),
    "host path": (pod(volumes=[{"name": "v", "hostPath": {"path": "/models"}}]), "may hold a model"),
    "volume of two kinds": (pod(volumes=[{"name": "v", "emptyDir": {}, "nfs": {}}]), "of the kind nfs"),
    "image volume without a reference": (pod(volumes=[{"name": "v", "image": {}}]), "is not named by a text"),
    "volumes are no list": (pod() | {"spec": {**pod()["spec"], "volumes": {"a": 1}}}, "volumes are no list"),
    "modelcar": (
        pod(containers=[{"name": "modelcar", "image": f"evil.example/net@{DIGEST}"}]),
        "not in a registry of ours",
    ),
    "storage initializer": (
        pod(initContainers=[{"name": "storage-initializer", "image": IMAGE, "args": ["hf://org/net", "/mnt/models"]}]),
        "fetched past the registry",
    ),
    "no image": ({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"containers": []}}, "no container image"),
    "no specification": ({"apiVersion": "v1", "kind": "Pod", "metadata": {}}, "has no pod in it"),
    "empty annotation": (pod(annotation=" , "), "names no model"),
    "annotations are a list": ({**pod(), "metadata": {"annotations": ["a"]}}, "no table"),
    "kind unknown": ({"apiVersion": "example.com/v1", "kind": "Thing", "spec": {}}, "are not understood"),
    "version unknown": ({**deployment(pod()), "apiVersion": "apps/v1beta1"}, "are not understood"),
    "too many": (pod(annotation=",".join(f"n{i}@{DIGEST}" for i in range(17))), "more than 16 models"),
    "nothing": (None, "no object to judge"),
    "a list": ([], "no object to judge"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_denies_with_a_sentence(gate: Served, case: str) -> None:
    item, why = REFUSED[case]
    said = message(gate, item)
    assert why in said
    assert len(said) <= 1500
    assert gate.logged[-1]["decision"] == "deny"


def test_a_deep_object_is_denied(gate: Served) -> None:
    deep: Any = {"image": "evil:v1"}
    for _ in range(100):
        deep = {"a": deep}
    assert "nested more than" in message(gate, pod(affinity=deep))


def test_a_good_model_does_not_carry_a_bad_one(gate: Served) -> None:
    assert "evil.example" in message(gate, pod(models=(gate.model, f"evil.example/net@{DIGEST}")))
    assert "evil.example" in message(gate, pod(models=(gate.model,), annotation=f"evil.example/net@{DIGEST}"))


def test_images_that_are_listed_may_run_alone(gate: Served) -> None:
    assert allowed(gate, pod())
    assert allowed(gate, pod(image=f"registry.example.com/tools/probe:v1@{DIGEST}"))


def test_stages_have_demands_of_their_own(gate: Served) -> None:
    old = gate.later(days=20)
    item = review(pod(models=(gate.model,)))
    assert old.review(item, "production")["allowed"] is False
    assert old.review(item)["allowed"] is False
    assert old.review(item, "staging")["allowed"] is True
    assert gate.ask("POST", "/admission/nowhere", item).status == 404
    assert gate.ask("POST", "/admission/Production", item).status == 404


def test_a_denied_model_says_what_is_missing(gate: Served) -> None:
    said = gate.later(days=20).review(review(pod(models=(gate.model,))))["status"]["message"]
    assert "scan-fresh" in said
    assert "production" in said


def test_a_change_of_nothing_that_runs_is_let_through(gate: Served) -> None:
    later = gate.later(days=20)
    old = pod(models=(gate.model,))
    new = copy.deepcopy(old)
    new["metadata"]["finalizers"] = []
    assert later.review(review(new, "UPDATE", old))["allowed"] is True
    new["spec"]["ephemeralContainers"] = [{"name": "e", "image": IMAGE.replace("serving/", "other/")}]
    assert later.review(review(new, "UPDATE", old))["allowed"] is False
    unread = {"apiVersion": "v1", "kind": "Pod", "metadata": {}}
    assert later.review(review(unread, "UPDATE", unread))["allowed"] is False
    assert later.review(review(new, "UPDATE", None))["allowed"] is False


def test_a_dry_run_is_judged_and_not_recorded(gate: Served) -> None:
    before = gate.end()
    assert allowed(gate, pod(models=(gate.model,)), dryRun=True)
    assert not allowed(gate, pod(models=(f"net@{DIGEST}",)), dryRun=True)
    assert gate.end() == before
    assert allowed(gate, pod(models=(gate.model,)), dryRun="true"), "only true is a dry run"
    assert gate.end().sequence == before.sequence + 1


def test_a_decision_that_cannot_be_recorded_denies(gate: Served, tmp_path: Path) -> None:
    log = open_log(f"sqlite:///{tmp_path}/index.db", create=True)
    (tmp_path / "index.db.turn").unlink()
    (tmp_path / "index.db.turn").mkdir()
    site = gate.site._replace(gate=gate.site.gate._replace(log=log))
    response = gate._replace(site=site).review(review(pod(models=(gate.model,))))
    assert response["allowed"] is False
    assert "cannot be written" in response["status"]["message"]


def test_deleting_is_always_possible_and_other_operations_never(gate: Served) -> None:
    assert gate.review(review(None, "DELETE", pod(image="evil:v1")))["allowed"] is True
    for operation in ("CONNECT", "", None, "create"):
        assert gate.review(review(pod(), operation))["allowed"] is False


def test_an_object_of_another_kind_than_the_request_says(gate: Served) -> None:
    asked = review(pod(models=(gate.model,)))
    asked["request"]["kind"]["kind"] = "Deployment"
    assert gate.review(asked)["allowed"] is False


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview", "request": {"uid": "1"}},
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"},
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {}},
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": 1}},
    ],
)
def test_what_is_no_review_has_no_answer(gate: Served, document: object) -> None:
    """Kubernetes denies if the webhook's answer is no review and its failurePolicy is Fail."""
    got = gate.ask("POST", "/admission", document)
    assert got.status == 400
    assert "response" not in got.json


def test_an_error_of_ours_denies(gate: Served) -> None:
    def broken(*_words: object, **_more: object) -> None:
        raise ZeroDivisionError("secret details")

    response = gate.judging(broken).review(review(pod(models=(gate.model,))))
    assert response["allowed"] is False
    assert "ZeroDivisionError" in response["status"]["message"]
    assert "secret" not in response["status"]["message"]


def test_silence_denies(gate: Served) -> None:
    def slow(*words: Any, **more: Any) -> Any:
        time.sleep(0.4)
        return gate.site.gate.judge(*words, **more)

    before = gate.end()
    response = gate.judging(slow).waiting(0.05).review(review(pod(models=(gate.model,))))
    assert response["allowed"] is False
    assert "no answer within" in response["status"]["message"]
    time.sleep(0.6)
    assert gate.end() == before, "an answer that nobody was given stands in the log"


def test_a_registry_that_lost_a_blob_denies(gate: Served) -> None:
    blob = gate.folder / "registry/blobs/sha256" / gate.digest.removeprefix("sha256:")
    kept = blob.read_bytes()
    blob.chmod(0o644)
    try:
        blob.write_bytes(kept.replace(b"net", b"nex") + b" ")
        assert gate.review(review(pod(models=(gate.model,))))["allowed"] is False
    finally:
        blob.write_bytes(kept)
    assert gate.review(review(pod(models=(gate.model,))))["allowed"] is True


@pytest.mark.parametrize("text", ["a\x1b[2Jb", "a\u202eb", "a\nb", "<b>", "::error::x"])
def test_what_objects_are_called_is_shown_harmless(gate: Served, text: str) -> None:
    said = message(gate, pod(models=(text,), image=text, annotation=text))
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "\n" not in said
