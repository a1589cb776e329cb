"""What is deployed, and whether it was admitted."""

from __future__ import annotations

from build.log_rows import APPROVED, DEPLOY, Case, activity, at, deployment


def cases() -> dict[str, Case]:
    """For each detection: hits, and rows that come as near as they can."""
    return {
        "deployment-source": Case(
            {
                "AzureActivity": [
                    deployment("azureml://registries/azureml/models/gpt/versions/1"),
                    deployment("azureml://registries/wb-prod2/models/m/versions/1", caller="mallory"),
                    deployment(f"{APPROVED}m/labels/latest", caller="late"),
                    deployment({"format": "OpenAI", "name": "gpt", "version": "1"}, caller="bob"),
                    deployment(f"{APPROVED}m/versions/3"),
                    deployment("x", status="Failure"),
                    activity(DEPLOY, at(1)),
                    activity(
                        "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write",
                        at(1),
                        body={"properties": {"model": "x"}},
                    ),
                ]
            },
            [
                ("/subscriptions/s/x", "azureml://registries/azureml/models/gpt/versions/1", "eve"),
                ("/subscriptions/s/x", "azureml://registries/wb-prod2/models/m/versions/1", "mallory"),
                ("/subscriptions/s/x", f"{APPROVED}m/labels/latest", "late"),
                ("/subscriptions/s/x", "OpenAI/gpt/1", "bob"),
            ],
            {"approved_sources": [APPROVED]},
        ),
        "deployment-unadmitted": Case(
            {
                "AzureActivity": [
                    activity(DEPLOY, at(5), resource="/S/none", correlation="1"),
                    activity(DEPLOY, at(5), resource="/S/Ok", correlation="2"),
                    activity(DEPLOY, at(5), resource="/S/stale", correlation="3"),
                    activity(DEPLOY, at(5), resource="/s/denied", correlation="4"),
                    activity(DEPLOY, at(5), resource="/s/after", correlation="5"),
                    activity(DEPLOY, at(5), resource="/s/failed", status="Failure"),
                ],
                "WeighbridgeDecisions_CL": [
                    {
                        "TimeGenerated": at(4),
                        "Decision": "allow",
                        "DeploymentId": "/s/OK",
                        "Digest": "d",
                        "DecisionId": "1",
                    },
                    {
                        "TimeGenerated": at(2),
                        "Decision": "allow",
                        "DeploymentId": "/s/stale",
                        "Digest": "d",
                        "DecisionId": "2",
                    },
                    {
                        "TimeGenerated": at(4),
                        "Decision": "deny",
                        "DeploymentId": "/s/denied",
                        "Digest": "d",
                        "DecisionId": "3",
                    },
                    {
                        "TimeGenerated": at(5, 1),
                        "Decision": "allow",
                        "DeploymentId": "/s/after",
                        "Digest": "d",
                        "DecisionId": "4",
                    },
                ],
            },
            [("/s/none", "eve", "1"), ("/s/stale", "eve", "3"), ("/s/denied", "eve", "4"), ("/s/after", "eve", "5")],
        ),
    }
