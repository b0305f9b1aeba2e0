"""Two patterns overlap exactly when a name is matched by both."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.domain.patterns import common_name


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        ("landing/flights/*.csv", "landing/*/2013-*.csv", "landing/flights/2013-a.csv"),
        ("landing/flights/*.csv", "landing/*", "landing/flights/a.csv"),
        ("landing/a.csv", "landing/?.csv", "landing/a.csv"),
        ("landing/[ab]*.csv", "landing/[!a]*.csv", "landing/ba.csv"),
        ("landing/a*", "landing/*a", "landing/aa"),
        ("landing/*.csv", "landing/.csv", "landing/.csv"),
    ],
)
def test_overlap_shows_a_name(one: str, other: str, name: str) -> None:
    assert common_name(one, other) == name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("landing/flights/*.csv", "landing/hotels/*.csv"),
        ("landing/flights/*.csv", "landing/flights/*.parquet"),
        ("landing/[ab].csv", "landing/[cd].csv"),
        ("landing/[!ab].csv", "landing/a.csv"),
        ("landing/??.csv", "landing/?.csv"),
    ],
)
def test_patterns_that_are_apart_have_no_common_name(one: str, other: str) -> None:
    assert common_name(one, other) is None


PATTERNS = st.lists(st.sampled_from(["a", "b", "/", "*", "?", "[ab]", "[!a]", "[", "]", "!"]), max_size=5).map("".join)
NAMES = st.text(alphabet="ab/[]!", max_size=6)


@settings(max_examples=600, deadline=None)
@given(PATTERNS, PATTERNS, NAMES)
@example("[", "[", "[")
@example("[a", "[?", "[a")
@example("a[*[ab]a", "a[*]a", "")
def test_it_agrees_with_matching_itself(one: str, other: str, name: str) -> None:
    found = common_name(one, other)
    if found is not None:
        assert fnmatchcase(found, one)
        assert fnmatchcase(found, other)
    elif fnmatchcase(name, one):
        assert not fnmatchcase(name, other)
