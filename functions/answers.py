"""How an HTTP trigger answers."""

import logging
from collections.abc import Callable

import azure.functions as func

from shared.errors import Malformed, Refused, TooLarge, Transient, Unauthenticated, UnknownUseCase

log = logging.getLogger("sluice")


def answer_to(receive: Callable[[], None]) -> func.HttpResponse:
    """202: taken; 401: without proof; 413: too large; 400: malformed, or refused; 503: send it again."""
    try:
        receive()
    except Unauthenticated as error:
        log.warning("refused: %s", error)
        return func.HttpResponse(status_code=401)
    except TooLarge as error:
        log.warning("refused: %s", error)
        return func.HttpResponse(str(error), status_code=413)
    except (Malformed, Refused, UnknownUseCase) as error:
        log.warning("refused: %s", error)
        return func.HttpResponse(str(error), status_code=400)
    except Transient as error:
        log.warning("not taken: %s", error)
        return func.HttpResponse(status_code=503, headers={"Retry-After": "5"})
    return func.HttpResponse(status_code=202)
