"""Azure: what is asked of it and told to it, over a thin client; its policies, deployments and model assets."""
