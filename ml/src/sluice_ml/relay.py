"""The relay job: what Unity Catalog's model update triggers tell a job, told on to the control plane, signed.

Unity Catalog has no webhooks; a job can be triggered by its updates instead, and gets them as
`{{job.trigger.model.updates}}` (https://learn.microsoft.com/azure/databricks/jobs/model-update-triggers).
Signed as Standard Webhooks asks: HMAC-SHA256 over `delivery_id.timestamp.body`.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
import urllib.error
import urllib.request
from typing import Any, Final

from sluice_ml.errors import BadInput
from sluice_ml.parameters import RelayParameters

SECRET: Final = "SLUICE_RELAY_SECRET"  # noqa: S105 - the name of an environment variable
ATTEMPTS: Final = 6
TIMEOUT: Final = 20.0  # seconds, for each attempt
FIRST_PAUSE: Final = 1.0  # seconds; each is twice the one before


def main() -> None:
    """Entry point of the job; a run fails by what this raises."""
    relay(RelayParameters.parse(sys.argv[1:]), os.environ.get(SECRET, ""))


def relay(parameters: RelayParameters, secret: str, *, first_pause: float = FIRST_PAUSE) -> None:
    """Tell the updates on, until they are taken: every attempt under the same delivery id, so that the control plane
    sees one. Raises BadInput where that does not help: what it refuses, or a fault here; the control plane's own sweep
    finds the versions then.
    """
    if not secret:
        raise BadInput(f"{SECRET} is empty: give the job the secret that the control plane has as RELAY_SECRET")
    body = json.dumps({"updates": _updates(parameters.updates)}).encode()
    pause = first_pause
    for attempt in range(1, ATTEMPTS + 1):
        answer = _post(parameters, secret, body)
        if answer == "":
            print(f"told {parameters.url} of {parameters.updates}")
            return
        if attempt < ATTEMPTS:
            print(f"attempt {attempt}: {answer}; again in {pause:.0f} s")
            time.sleep(pause)
            pause *= 2
    raise BadInput(f"{parameters.url} did not take it in {ATTEMPTS} attempts: {answer}")


def _updates(text: str) -> list[Any]:
    try:
        updates = json.loads(text)
    except ValueError as error:
        raise BadInput(
            f"job parameter updates is no JSON: {error}: give it {{{{job.trigger.model.updates}}}}"
        ) from error
    if not isinstance(updates, list):
        raise BadInput("job parameter updates is no list: give it {{job.trigger.model.updates}}")
    return updates


def _post(parameters: RelayParameters, secret: str, body: bytes) -> str:
    """Why it was not taken, and may be another time; "" if it was. Raises BadInput where it never will be."""
    delivery, timestamp = f"relay-{parameters.job_run_id}", str(int(time.time()))
    digest = hmac.new(secret.encode(), f"{delivery}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "Content-Type": "application/json",
        "X-Sluice-Delivery-Id": delivery,
        "X-Sluice-Timestamp": timestamp,
        "X-Sluice-Signature": f"v1,{base64.b64encode(digest).decode()}",
    }
    request = urllib.request.Request(parameters.url, body, headers)  # noqa: S310 - the scheme is looked at when parsed
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310 - the same
            return ""
    except urllib.error.HTTPError as error:
        with error:
            said = f"{error.code}: {error.read(500).decode(errors='replace').strip()}"
        if error.code < 500 and error.code not in {408, 429}:
            raise BadInput(f"{parameters.url} refuses it: {said}") from error
        return said
    except OSError as error:
        return str(error)
