"""A manifest of a batch: JSON, a list of names, or an object with such a list under `files`."""

import json
from collections.abc import Sequence
from pathlib import PurePosixPath

from shared.errors import Malformed

LARGEST = 1 << 20
"""Bytes."""


def decode_manifest(body: bytes) -> Sequence[str]:
    """The names, beside the manifest or below, each once. Raises Malformed, with what is wrong."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the manifest is no JSON: {error}") from error
    names = document.get("files") if isinstance(document, dict) else document
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise Malformed('the manifest is no list of names, nor {"files": [names]}')
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or path.as_posix() != name:
            raise Malformed(f"the manifest names {name!r}: name files beside it or below, such as part-0.csv")
    return list(dict.fromkeys(names))
