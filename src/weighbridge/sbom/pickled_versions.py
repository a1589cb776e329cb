"""Versions that frameworks write into what they pickle: the key of a dictionary, and behind it the version as text.

    SHORT_BINUNICODE 16 _sklearn_version  [memo]  SHORT_BINUNICODE 5 1.4.2        protocol 4 and 5
    BINUNICODE 16 _sklearn_version        [memo]  BINUNICODE 5 1.4.2              protocol 1 to 3

Found as bytes, for a version is what the file says and is believed by nobody; whatever is no version is not told.
Sources: scikit-learn `sklearn/base.py`, BaseEstimator.__getstate__; transformers `configuration_utils.py`; Python
`pickletools.py` for the opcodes.
"""

from __future__ import annotations

import re

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 16 * 1024 * 1024
"""Bytes of a pickle that are searched."""
NAME = re.compile(r".+\.(?:pkl|pickle|joblib)")
"""Names of files that are searched, in lower case."""
KEYS = {b"_sklearn_version": "scikit-learn", b"transformers_version": "transformers"}
"""What the key says → the package."""
_MEMO = rb"(?:\x94|q.|r.{4})?"
_FOUND = re.compile(
    rb"(?:\x8c.|X.{4})(%s)%s(?:\x8c(?P<short>.)|X(?P<long>.)\0\0\0)(?P<text>[0-9][0-9A-Za-z.+]{0,40})"
    % (b"|".join(KEYS), _MEMO),
    re.DOTALL,
)


def pickled_versions(raw: bytes) -> Iterator[tuple[str, str]]:
    """Package and version, each once."""
    told = set()
    for match in _FOUND.finditer(raw):
        size = (match["short"] or match["long"])[0]
        text = match["text"][:size]
        if len(text) == size and (one := (KEYS[match[1]], text.decode("ascii"))) not in told:
            told.add(one)
            yield one
