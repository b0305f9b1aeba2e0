"""Profiles as JSON."""

from functools import cache

from pydantic import TypeAdapter, ValidationError

from shared.domain.profile import Profile
from shared.errors import Malformed


@cache
def _adapter() -> TypeAdapter[Profile]:
    return TypeAdapter(Profile)


def encode_profile(profile: Profile) -> bytes:
    """The profile as it is kept."""
    return _adapter().dump_json(profile)


def decode_profile(body: bytes) -> Profile:
    """The profile in a kept file. Raises Malformed."""
    try:
        return _adapter().validate_json(body)
    except ValidationError as error:
        raise Malformed(f"no profile: {error}") from error
