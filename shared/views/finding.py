"""From what an operator has in hand to the stories behind it."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from urllib.parse import unquote, urlsplit

from shared.domain import facts as f
from shared.domain import identity
from shared.domain import story as stories
from shared.ports import Approvals, Ledger

SHORTEST_PREFIX = 6
PREFIXES_OF = 5000
"""Prefixes are looked for among this many stories, the newest."""

WHAT_LEADS = "a story id (or its first 6 digits), a file, a job_run_id, an mlflow_run_id, MODEL@VERSION or MODEL@ALIAS"

_VERSION_PAGE = re.compile(r"models/([^/]+)/versions?/([^/?]+)")
_RUN_PAGE = re.compile(r"runs?/([^/?]+)")


def find_stories(ledger: Ledger, text: str, approvals: Approvals) -> Sequence[str]:
    """The stories that the text leads to, the likeliest first; empty when there is none.

    It is a story id or a prefix that only one has; a file (container/path, path, name, URL, or where it was landed
    from the landing folder's name on); a job_run_id; an mlflow_run_id; MODEL@VERSION; MODEL@ALIAS, the version that is
    approved for it; or the address of a run's or a model version's page.
    """
    ways = (_with_id, _led_to, partial(_by_alias, approvals), _by_url, _by_place, _by_prefix)
    asked = text.strip()
    return next((found for way in ways if (found := way(ledger, asked))), ()) if asked else ()


def _with_id(ledger: Ledger, text: str) -> Sequence[str]:
    return (text,) if ledger.story(text) else ()


def _led_to(ledger: Ledger, subject: str) -> Sequence[str]:
    """Newest first; but a version's own story before those in which it only came back."""
    found = ledger.find(subject)
    if len(found) < 2:
        return found
    return sorted(found, key=lambda story: not _registers(ledger.story(story), subject))


def _registers(story: Sequence[f.Fact], subject: str) -> bool:
    return any(
        identity.model_at(one.model, one.version) == subject for one in stories.of_kind(story, f.VersionRegistered)
    )


def _by_alias(approvals: Approvals, ledger: Ledger, text: str) -> Sequence[str]:
    model, at, alias = text.rpartition("@")
    approval = approvals.approved(model, alias) if at else None
    if approval is None:
        return ()
    others = _led_to(ledger, identity.model_at(model, approval.version))
    return tuple(dict.fromkeys([*_with_id(ledger, approval.story), *others]))


def _by_url(ledger: Ledger, text: str) -> Sequence[str]:
    if "://" not in text:
        return ()
    return next((found for each in _named_by(text) if (found := _led_to(ledger, each))), ())


def _named_by(url: str) -> Iterator[str]:
    """What an address names: a landed file, or the model version or run of an MLflow or Databricks page."""
    parts = urlsplit(url)
    path, page = unquote(parts.path).lstrip("/"), unquote(f"{parts.path}/{parts.fragment}")
    yield path
    if version := _VERSION_PAGE.search(page):
        yield identity.model_at(version[1], version[2])
    yield from reversed(_RUN_PAGE.findall(page))


def _by_place(ledger: Ledger, text: str) -> Sequence[str]:
    """A path on this machine: from some folder on it is what the ledger calls the file. A bare name is not enough."""
    folders = text.split("/")[1:] if "://" not in text else []
    ends = ("/".join(folders[start:]) for start in range(len(folders) - 1))
    return next((found for end in ends if (found := ledger.find(end))), ())


def _by_prefix(ledger: Ledger, text: str) -> Sequence[str]:
    if len(text) < SHORTEST_PREFIX:
        return ()
    fitting = [head.story for head in ledger.recent(PREFIXES_OF) if head.story.startswith(text.lower())]
    return fitting if len(fitting) == 1 else ()
