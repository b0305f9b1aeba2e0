"""Pages of a newest-first list, as Jobs 2.2 has them: opaque tokens for the next and the previous page.

A token names the id next to it, not a position: runs that come while a client pages neither repeat nor hide one.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from local.databricks.errors import invalid


@dataclass(frozen=True, kw_only=True)
class Page:
    """The ids on one page, and the tokens of its neighbours ("" when there is none)."""

    ids: Sequence[int]
    next_token: str = ""
    prev_token: str = ""

    def tokens(self) -> dict[str, object]:
        """What the answer says about the neighbours."""
        shown: dict[str, object] = {"has_more": bool(self.next_token)}
        if self.next_token:
            shown["next_page_token"] = self.next_token
        if self.prev_token:
            shown["prev_page_token"] = self.prev_token
        return shown


def _write_token(direction: str, item: int) -> str:
    return base64.urlsafe_b64encode(f"{direction}:{item}".encode()).decode()


def _read_token(token: str) -> tuple[str, int]:
    try:
        text = base64.urlsafe_b64decode(token).decode()
    except ValueError:
        text = ""
    found = re.fullmatch(r"(after|before):(\d+)", text)
    if found is None:
        raise invalid(f"Invalid page token: {token}")
    return found[1], int(found[2])


def read_limit(text: str | None, *, default: int, maximum: int) -> int:
    """The limit a request asks for; 0 means the maximum."""
    if text is None:
        return default
    try:
        limit = int(text)
    except ValueError as error:
        raise invalid(f"limit must be a number, not {text!r}.") from error
    if not 0 <= limit <= maximum:
        raise invalid(f"limit must be between 0 and {maximum}, not {limit}.")
    return limit or maximum


def page_of(ids: Sequence[int], *, limit: int, token: str | None) -> Page:
    """The page of `ids`, which go down, that `token` leads to; the first one without."""
    start = 0
    if token:
        direction, mark = _read_token(token)
        if direction == "after":
            start = sum(item >= mark for item in ids)
        else:
            start = max(0, sum(item > mark for item in ids) - limit)
    shown = ids[start : start + limit]
    return Page(
        ids=shown,
        next_token=_write_token("after", shown[-1]) if shown and start + limit < len(ids) else "",
        prev_token=_write_token("before", shown[0]) if shown and start else "",
    )
