"""JSON from outside: what Python reads but cannot write again (a lone surrogate, `"\\ud800"`) is none either."""

import json
from typing import Any


def parse(body: bytes) -> Any:
    """The value. Raises ValueError, whatever is wrong."""
    try:
        value = json.loads(body)
        if not is_encodable(json.dumps(value, ensure_ascii=False)):
            raise ValueError("it has a surrogate that stands alone")
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return value


def is_encodable(text: str) -> bool:
    """Can it be written as UTF-8?"""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
