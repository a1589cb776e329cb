"""The hardening checklist: what an Azure estate must be like, judged from what was exported of it."""
