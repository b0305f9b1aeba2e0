"""From what an operator has in hand to the stories behind it."""

from collections.abc import Sequence
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


def find_stories(ledger: Ledger, text: str, approvals: Approvals) -> Sequence[str]:
    """The stories that the text leads to, the likeliest first; empty when there is none.

    It is a story id or a prefix that only one has; a file (container/path, path, name or URL); a job_run_id; an
    mlflow_run_id; MODEL@VERSION; or MODEL@ALIAS, the version that is approved for it.
    """
    ways = (_with_id, _led_to, partial(_by_alias, approvals), _by_url, _by_prefix)
    return next((found for way in ways if (found := way(ledger, text))), ()) if text else ()


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
    return ledger.find(unquote(urlsplit(text).path).lstrip("/")) if "://" in text else ()


def _by_prefix(ledger: Ledger, text: str) -> Sequence[str]:
    if len(text) < SHORTEST_PREFIX:
        return ()
    fitting = [head.story for head in ledger.recent(PREFIXES_OF) if head.story.startswith(text.lower())]
    return fitting if len(fitting) == 1 else ()
