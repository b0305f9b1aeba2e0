"""A second use case for the demo: the first one's, with people asked before anything reaches production, one part
scored in another workspace, and an endpoint.
"""

import html
import re
import shutil
import urllib.parse
import urllib.request
from pathlib import Path

from local.home import PROJECT, SECOND

ORIGINAL, REVIEWED = "flight_delays", "flight_delays_reviewed"
ENDPOINT = "flight-delays-reviewed"
ELSEWHERE = f"""
  workspaces: # what is scored elsewhere than at home
    {SECOND}: [LGA]

serving: # an endpoint that follows the slot
  endpoint: {ENDPOINT}
"""
APPROVALS = """
approvals: # people, after every rule passed
  - role: model-owner
    quorum: 1
    not_requester: true
    expires_after: 7 days
"""


def make(folder: Path, source: Path = PROJECT / "usecases") -> Path:
    """Both use cases, in a folder of the demo's own; its path."""
    shutil.copytree(source, folder)
    shutil.copytree(source / ORIGINAL, folder / REVIEWED)
    file = folder / REVIEWED / "usecase.yml"
    text = file.read_text().replace(ORIGINAL, REVIEWED)
    file.write_text(text.replace("landing/flights/", "landing/reviewed/") + ELSEWHERE)
    gate = folder / REVIEWED / "gate.yml"
    gate.write_text(gate.read_text() + APPROVALS)
    return folder


def approve(page: str, *, who: str, because: str) -> str:
    """Open the request's page, fill in its form as a browser does, and send it; the page that follows."""
    with urllib.request.urlopen(page, timeout=30) as answer:  # noqa: S310 - the address is our own front's
        shown = answer.read().decode()
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown)
    fields = {name: html.unescape(value) for name, value in hidden}
    sent = urllib.parse.urlencode({**fields, "as": who, "because": because, "answer": "approve"}).encode()
    request = urllib.request.Request(  # noqa: S310 - as above
        page, data=sent, headers={"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
        return str(answer.read().decode())
