"""The policies that Weighbridge writes: every way to deploy a model, and what surrounds them.

Azure Machine Learning: online and batch deployments, serverless endpoints. Foundry: deployments, managed compute, agent
deployments. Each is a definition of its own, so that an alias which a tenant does not have takes down one and not all.
"""

from __future__ import annotations

from weighbridge.azure.policy.catalogue_estate import ESTATE
from weighbridge.azure.policy.catalogue_models import MODELS

CATALOGUE = (*MODELS, *ESTATE)
"""Every definition, in the order of its number."""
