"""What a run of the check job leaves: JSON. docs/reference/check-job.md says which field means what."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shared.domain.check_run import CheckAnswer, KeepAnswer
from shared.errors import Malformed


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    return {kind.__name__: TypeAdapter(kind) for kind in (CheckAnswer, KeepAnswer)}


def decode_answer[Answer: (CheckAnswer, KeepAnswer)](body: str, kind: type[Answer]) -> Answer:
    """The answer in what a run left. Raises Malformed."""
    try:
        answer: Answer = _adapters()[kind.__name__].validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        raise Malformed(f"no answer: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return answer
