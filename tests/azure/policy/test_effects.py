"""What comes of a rule that matches, by effect."""

from __future__ import annotations

from typing import Any

import pytest

from build.azure_requests import GROUP, THING, judged, outcome, policy, thing

ALWAYS = {"field": "type", "equals": THING}
NEVER = {"allOf": [ALWAYS, {"field": "name", "equals": "other"}, {"field": f"{THING}/a", "exists": True}]}


@pytest.mark.parametrize(
    ("effect", "expected"),
    [("deny", "deny"), ("Audit", "audit"), ("MANUAL", "manual"), ("disabled", "disabled"), ("mutate", "unsupported")],
)
def test_simple_effects(effect: str, expected: str) -> None:
    found = judged(policy(ALWAYS, effect), thing())
    assert found.outcome == expected
    assert found.matched is (expected in ("deny", "audit", "manual"))
    rest = {"disabled": "disabled", "mutate": "unsupported"}.get(effect, "not-applicable")
    assert outcome(policy(NEVER, effect), thing()) == rest


def test_an_assignment_that_does_not_enforce() -> None:
    assert outcome(policy(ALWAYS, "deny"), thing(), enforced=False) == "not-enforced"
    assert outcome(policy(ALWAYS, "audit"), thing(), enforced=False) == "audit"


def test_an_effect_that_is_worked_out() -> None:
    definition = policy(ALWAYS, "[if(parameters('hard'), 'Deny', 'Audit')]", hard="Boolean")
    assert outcome(definition, thing(), {"hard": True}) == "deny"
    assert outcome(definition, thing(), {"hard": False}) == "audit"
    assert outcome(policy(ALWAYS, 7), thing()) == "unsupported"
    assert outcome({"policyRule": {"if": ALWAYS, "then": {}}}, thing()) == "unsupported"


def test_append() -> None:
    definition = policy(ALWAYS, "append", details=[{"field": f"{THING}/a", "value": "x"}])
    found = judged(definition, thing())
    assert found.outcome == "append"
    assert found.operations == (("add", f"{THING}/a", '"x"'),)
    assert outcome(definition, thing(a="x")) == "compliant"
    assert outcome(definition, thing(a="y")) == "deny"  # append never overwrites
    members = policy(ALWAYS, "append", details=[{"field": f"{THING}/a[*]", "value": "x"}])
    assert judged(members, thing(a=["y"])).operations[0].operation == "append"


def test_modify() -> None:
    def modify(*operations: dict[str, Any]) -> dict[str, Any]:
        return policy(ALWAYS, "modify", details={"roleDefinitionIds": ["r"], "operations": list(operations)})

    replace = {"operation": "addOrReplace", "field": "tags['env']", "value": "[parameters('env')]"}
    definition = modify(replace)
    definition["parameters"] = {"env": {"type": "String"}}
    assert judged(definition, thing(), {"env": "prod"}).operations == (("addOrReplace", "tags['env']", '"prod"'),)
    assert outcome(definition, thing(at_tags={"env": "prod"}), {"env": "prod"}) == "compliant"
    assert outcome(definition, thing(at_tags={"env": "dev"}), {"env": "prod"}) == "modify"
    add = {"operation": "Add", "field": "tags['env']", "value": "prod"}
    assert outcome(modify(add), thing(at_tags={"env": "dev"})) == "compliant"
    remove = {"operation": "Remove", "field": "tags['env']"}
    assert judged(modify(remove), thing(at_tags={"env": "dev"})).operations == (("remove", "tags['env']", ""),)
    assert outcome(modify(remove), thing()) == "compliant"
    guarded = {**add, "condition": "[equals(field('name'), 'two')]"}
    assert outcome(modify(guarded), thing()) == "compliant"
    assert outcome(modify(guarded), thing(name="two")) == "modify"
    assert outcome(modify({**add, "operation": "paint"}), thing()) == "unsupported"
    assert outcome(policy(ALWAYS, "modify", details={}), thing()) == "unsupported"


def test_deny_action_is_for_deletion() -> None:
    definition = policy(ALWAYS, "denyAction", details={"actionNames": ["delete"]})
    assert outcome(definition, thing(), action="delete") == "deny"
    assert outcome(definition, thing()) == "not-applicable"
    assert outcome(definition, thing(kind="Microsoft.Other/x"), action="delete") == "not-applicable"
    assert outcome(policy(ALWAYS, "deny"), thing(), action="delete") == "not-applicable"
    other = policy(ALWAYS, "denyAction", details={"actionNames": ["write"]})
    assert outcome(other, thing(), action="delete") == "unsupported"


SETTINGS = "Microsoft.Insights/diagnosticSettings"


def exists(effect: str = "auditIfNotExists", **more: Any) -> dict[str, Any]:
    return policy(ALWAYS, effect, details={"type": SETTINGS, **more})


def setting(name: str = "logs", place: str = GROUP + "Microsoft.Test/things/one/providers/", **properties: Any) -> Any:
    return {"id": f"{place}{SETTINGS}/{name}", "type": SETTINGS, "name": name, "properties": properties}


HERE = thing(at_id=GROUP + "Microsoft.Test/things/one", wanted="w1")


def test_what_has_to_exist() -> None:
    assert outcome(exists(), HERE) == "unknown"  # nobody said what else there is
    assert outcome(exists(), HERE, related=[]) == "audit"
    assert outcome(exists(), HERE, related=[setting()]) == "compliant"
    assert outcome(exists("deployIfNotExists"), HERE, related=[]) == "deploy"
    assert outcome(exists("deployIfNotExists"), HERE, related=[], enforced=False) == "not-enforced"
    assert outcome(exists(), thing(kind="Microsoft.Other/x"), related=[]) == "not-applicable"
    assert outcome(exists(name="logs"), HERE, related=[setting("other")]) == "audit"
    assert outcome(exists(name="LOGS"), HERE, related=[setting()]) == "compliant"
    assert outcome(policy(ALWAYS, "auditIfNotExists", details={}), HERE, related=[]) == "unsupported"


def test_where_it_has_to_exist() -> None:
    other_group = "/subscriptions/0a/resourceGroups/other/providers/"
    other_subscription = "/subscriptions/0b/resourceGroups/models/providers/"
    here = [setting(place=GROUP)]
    assert outcome(exists(), HERE, related=here) == "compliant"
    assert outcome(exists(), HERE, related=[setting(place=other_group)]) == "audit"
    assert outcome(exists(existenceScope="subscription"), HERE, related=[setting(place=other_group)]) == "compliant"
    assert outcome(exists(existenceScope="subscription"), HERE, related=[setting(place=other_subscription)]) == "audit"
    assert outcome(exists(resourceGroupName="other"), HERE, related=[setting(place=other_group)]) == "compliant"
    assert outcome(exists(resourceGroupName="other"), HERE, related=here) == "audit"
    child = f"{THING}/children"
    nested = policy(ALWAYS, "auditIfNotExists", details={"type": child})
    stranger = {"id": f"{GROUP}Microsoft.Test/things/two/children/c", "type": child, "name": "c", "properties": {}}
    own = {**stranger, "id": f"{GROUP}Microsoft.Test/things/one/children/c"}
    assert outcome(nested, HERE, related=[stranger]) == "audit"
    assert outcome(nested, HERE, related=[own]) == "compliant"
    generic = policy(ALWAYS, "auditIfNotExists", details={"type": child, "name": "[concat(field('name'), '/?')]"})
    assert outcome(generic, HERE, related=[own]) == "compliant"


def test_how_it_has_to_be() -> None:
    condition = {
        "allOf": [
            {
                "count": {
                    "field": f"{SETTINGS}/logs[*]",
                    "where": {"field": f"{SETTINGS}/logs[*].enabled", "equals": True},
                },
                "greater": 0,
            },
            {"field": f"{SETTINGS}/workspaceId", "equals": f"[field('{THING}/wanted')]"},
        ]
    }
    definition = exists(existenceCondition=condition)
    good = setting(logs=[{"enabled": True}], workspaceId="w1")
    assert outcome(definition, HERE, related=[good]) == "compliant"
    assert outcome(definition, HERE, related=[setting(logs=[{"enabled": False}], workspaceId="w1")]) == "audit"
    assert outcome(definition, HERE, related=[setting(logs=[{"enabled": True}], workspaceId="w2")]) == "audit"
    assert outcome(definition, HERE, related=[setting(), good]) == "compliant"
    odd = thing(at_id=HERE["id"], wanted="[utcNow()]")  # what a resource says is never run
    found = judged(definition, odd, related=[setting(logs=[{"enabled": True}], workspaceId="[utcNow()]")])
    assert found.outcome == "compliant"


def test_templates_of_deployments_are_not_judged() -> None:
    details = {"type": SETTINGS, "deployment": {"properties": {"template": {"x": "[reference('y')]"}}}}
    assert outcome(policy(ALWAYS, "deployIfNotExists", details=details), HERE, related=[]) == "deploy"
    assert (
        outcome(exists(existenceCondition={"value": "[reference('y')]", "equals": 1}), HERE, related=[])
        == "unsupported"
    )
