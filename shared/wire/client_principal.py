"""Who somebody is, as Azure's platform authentication says it: the header `X-MS-CLIENT-PRINCIPAL`, base64 of JSON.

The platform sets it and removes whatever a client sent by that name. Where the platform does not, anybody could write
it: it is read only where the settings say that platform authentication is on.
"""

import base64
import binascii
from collections.abc import Mapping

from shared.domain.people import Person
from shared.errors import Unauthenticated
from shared.wire import json_text

HEADER = "x-ms-client-principal"
_NAMES = (
    "preferred_username",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
)
_ROLES = ("roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role")


def decode(headers: Mapping[str, str]) -> Person:
    """The person and their roles. Raises Unauthenticated."""
    written = {name.lower(): value for name, value in headers.items()}.get(HEADER, "")
    if not written:
        raise Unauthenticated("nobody is signed in: the platform sent no X-MS-CLIENT-PRINCIPAL")
    try:
        said = json_text.parse(base64.b64decode(written, validate=True))
        claims = [(str(one["typ"]), str(one["val"])) for one in said["claims"]]
        name_types = (*_NAMES, str(said.get("name_typ") or ""))
        role_types = {*_ROLES, str(said.get("role_typ") or "")} - {""}
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unauthenticated(f"X-MS-CLIENT-PRINCIPAL is none: {error!r}") from error
    names = [value for wanted in name_types if wanted for kind, value in claims if kind == wanted and value]
    if not names:
        raise Unauthenticated("X-MS-CLIENT-PRINCIPAL names nobody: the token needs a claim preferred_username")
    roles = tuple(dict.fromkeys(value for kind, value in claims if kind in role_types and value))
    return Person(name=names[0], roles=roles)
