"""Who sent a request to the pages, and whether its form is one of ours."""

from collections.abc import Mapping, Sequence

from shared.adapters.system import SystemClock
from shared.domain.people import Person
from shared.errors import Misconfigured
from shared.settings import Settings
from shared.wire import client_principal
from shared.wire import form_token as form_token_


def signed_in(settings: Settings, headers: Mapping[str, str]) -> Person | None:
    """Who sent the request, by the platform's word; None where no platform signs people in. Raises Unauthenticated."""
    return client_principal.decode(headers) if settings.platform_authentication else None


def form_token(settings: Settings, bound: Sequence[str]) -> str:
    """The proof that a form is ours. Raises Misconfigured where nobody could answer."""
    secret = settings.ops_form_secret.get_secret_value()
    if not secret:
        raise Misconfigured("nobody can answer here: OPS_FORM_SECRET is not set")
    return form_token_.make(secret, bound, now=SystemClock().now())


def verify_form(settings: Settings, token: str, bound: Sequence[str]) -> None:
    """Raises Unauthenticated."""
    form_token_.verify(token, settings.ops_form_secret.get_secret_value(), bound, now=SystemClock().now())
