"""The summary of a part's predictions, as the scoring job leaves it: JSON."""

from functools import cache

from pydantic import TypeAdapter, ValidationError

from shared.domain.prediction import Summary
from shared.errors import Malformed

LARGEST = 65_536
"""Bytes; a summary has a few hundred."""


@cache
def _adapter() -> TypeAdapter[Summary]:
    return TypeAdapter(Summary)


def decode_summary(body: bytes) -> Summary:
    """The summary in what a job left. Raises Malformed."""
    if len(body) > LARGEST:
        raise Malformed(f"no summary: {len(body)} bytes, at most {LARGEST} are expected")
    try:
        return _adapter().validate_json(body)
    except ValidationError as error:
        raise Malformed(f"no summary: {error}") from error
