"""Licences as bills of materials write them: identifiers of the SPDX list where one fits, names of our own elsewhere.

Cards write identifiers of the Hub in lower case; the lists of SPDX and CycloneDX have their own spelling.
Source: SPDX License List 3.27, which the schema of CycloneDX 1.7 repeats.
"""

from __future__ import annotations

import re

from weighbridge.core.records import NamedTuple

_LISTED = (
    "0BSD AFL-3.0 Apache-1.1 Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause BSD-3-Clause-Clear BSL-1.0 BUSL-1.1 "
    "C-UDA-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-3.0 CC-BY-4.0 CC-BY-NC-2.0 CC-BY-NC-3.0 CC-BY-NC-4.0 CC-BY-NC-ND-3.0 "
    "CC-BY-NC-ND-4.0 CC-BY-NC-SA-2.0 CC-BY-NC-SA-3.0 CC-BY-NC-SA-4.0 CC-BY-ND-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0 "
    "CDLA-Permissive-1.0 CDLA-Permissive-2.0 CDLA-Sharing-1.0 ECL-2.0 EPL-1.0 EPL-2.0 EUPL-1.1 EUPL-1.2 "
    "Elastic-2.0 ISC LPPL-1.3c MIT MIT-0 MPL-2.0 MS-PL MulanPSL-2.0 NCSA ODC-By-1.0 OFL-1.1 OSL-3.0 PDDL-1.0 "
    "PolyForm-Noncommercial-1.0.0 PostgreSQL Unlicense WTFPL Zlib etalab-2.0"
)
IDS = {name.lower(): name for name in _LISTED.split()} | {
    "agpl-3.0": "AGPL-3.0-only",
    "bsl-1.1": "BUSL-1.1",
    "c-uda": "C-UDA-1.0",
    "gpl-2.0": "GPL-2.0-only",
    "gpl-3.0": "GPL-3.0-only",
    "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-3.0": "LGPL-3.0-only",
    "odbl": "ODbL-1.0",
    "odc-by": "ODC-By-1.0",
    "pddl": "PDDL-1.0",
}
"""Identifiers in lower case, those of the Hub too → the SPDX identifier.

The Hub's `gpl-3.0` does not say whether later versions are meant; "only" is what it gives at least.
"""
_UNLIKELY = re.compile(r"[^A-Za-z0-9.-]+")


class Expression(NamedTuple):
    """A licence expression of SPDX. `own` are its references to licences that the list does not have: id, name."""

    text: str
    own: tuple[tuple[str, str], ...] = ()

    @property
    def listed(self) -> bool:
        """Whether every licence in it is on the list."""
        return not self.own


def expression(declared: str) -> Expression | None:
    """`A OR B AND C` of identifiers as an expression of SPDX; None if nothing names one."""
    own: dict[str, str] = {}
    choices = []
    for choice in declared.split(" OR "):
        terms = []
        for name in re.split(r" AND |, ", choice):
            word = name.strip()[:100]
            if not word or word.lower() in ("unknown", "none"):
                continue
            term = IDS.get(word.lower())
            if term is None:
                term = f"LicenseRef-{_UNLIKELY.sub('-', word).strip('-.') or 'unnamed'}"
                own[term] = word
            if term not in terms:
                terms.append(term)
        if terms:
            choices.append(
                " AND ".join(terms) if len(terms) == 1 or " OR " not in declared else f"({' AND '.join(terms)})"
            )
    if not choices:
        return None
    return Expression(" OR ".join(dict.fromkeys(choices)), tuple(own.items()))
