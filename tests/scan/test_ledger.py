"""The ledger: parsed, data and opaque always add up, against a byte-by-byte model of the same rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.scan.ledger import Claim, apart, settle

CLAIMS = st.lists(
    st.builds(
        lambda start, size, kind: Claim(start, start + size, kind),
        st.integers(-5, 60),
        st.integers(0, 40),
        st.sampled_from(["parsed", "data", "unread"]),
    ),
    max_size=12,
)


@given(CLAIMS, st.integers(0, 50))
def test_every_byte_is_of_one_kind(claims: list[Claim], size: int) -> None:
    ledger = settle(claims, size)
    expected = []
    for byte in range(size):
        kinds = {claim.kind for claim in claims if claim.start <= byte < claim.end}
        expected.append("opaque" if "unread" in kinds or not kinds else "parsed" if "parsed" in kinds else "data")
    found = [""] * size
    for kind in ("parsed", "data", "opaque"):
        for start, end in getattr(ledger, kind):
            assert start < end
            found[start:end] = [kind] * (end - start)
    assert found == expected
    assert sum(ledger.coverage) == size


@given(CLAIMS, CLAIMS)
def test_apart_takes_away(claims: list[Claim], taken: list[Claim]) -> None:
    ranges = settle(claims, 50).parsed
    away = [(claim.start, claim.end) for claim in taken]
    left = {byte for start, end in apart(ranges, away) for byte in range(start, end)}
    assert left == {byte for start, end in ranges for byte in range(start, end)} - {
        byte for start, end in away for byte in range(start, end)
    }
