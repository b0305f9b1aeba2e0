"""Runs of the check job: their documents beside the lake's tables."""

import json

from shared.adapters.lake_documents import LakeDocuments
from shared.domain.check_run import CheckAnswer, KeepAnswer
from shared.errors import Malformed
from shared.handover import Document
from shared.wire.check_answer import decode_answer


class LakeCheckRuns:
    """CheckRuns."""

    def __init__(self, documents: LakeDocuments) -> None:
        self._documents = documents

    def ask(self, place: str, request: Document) -> None:
        if self._documents.read(place) is None:
            self._documents.leave(place, json.dumps(request, ensure_ascii=False))

    def asked(self, place: str) -> Document | None:
        text = self._documents.read(place)
        return json.loads(text) if text else None

    def looked(self, place: str) -> CheckAnswer:
        return decode_answer(self._answer(place), CheckAnswer)

    def kept(self, place: str) -> KeepAnswer:
        return decode_answer(self._answer(place), KeepAnswer)

    def forget(self, folder: str) -> None:
        self._documents.forget(folder)

    def _answer(self, place: str) -> str:
        text = self._documents.read(place)
        if not text:
            raise Malformed("it left no answer")
        return text
