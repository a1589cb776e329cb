"""A release: built twice to the same bytes, with its own bill of materials, weighed by itself, and attested.

bill.py       pyproject.toml and the locked libraries → weighbridge.cdx.json, which lies in the wheel (PEP 770)
packages.py   the files of the repository → wheel and sdist, twice, in two surroundings; what must be in them
own_scan.py   the wheel under our own rules; what they find is explained in explained.toml, or stops the release
evidence.py   what happened as in-toto statements: SLSA provenance, bill, result of the checks
"""
