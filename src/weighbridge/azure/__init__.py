"""The Azure half: policy definitions judged and written offline, deployments, identities."""
