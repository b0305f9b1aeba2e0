"""A version that comes into production answers a share of the requests for a while, beside the version before."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain import story as stories
from shared.domain.facts import (
    CanaryEnded,
    CanaryStarted,
    EndpointFact,
    EndpointFailed,
    EndpointRequested,
    Fact,
    VersionRolledBack,
)
from shared.domain.usecase import ServingSpec
from shared.ports import Endpoint, Serving


@dataclass(frozen=True, kw_only=True)
class Canary:
    """One look at it: the endpoint is `present`, the story says what was done before. `bad` is how the version is so
    by its live metrics, or "".
    """

    asked: EndpointRequested
    spec: ServingSpec
    told: Sequence[Fact]
    present: Endpoint | None
    serving: Serving
    bad: str = ""

    def step(self) -> tuple[EndpointFact, ...] | None:
        """What is to be recorded, having asked the endpoint for what follows; None where the version is to be served
        outright.

        That is so without a canary in the use case, on a rollback, where nothing else is served, and once its time is
        over and all was well. Where something is not, the version before is served alone again.
        """
        started, present = self._of(CanaryStarted), self.present
        if started is None or present is None:
            return self._begin()
        if present.pending:
            return (self.asked,)
        why, before = self._unwell(started, present), self._of(CanaryEnded)
        if before is None and not why and self.asked.at < started.until:
            return (self.asked,)
        ended = before or self.asked.then(CanaryEnded, self.asked.at, healthy=not why, reason=why)
        if not ended.healthy:
            return self._back(started, ended, present)
        return None if before else self._outright(ended)

    def end(self) -> None:
        """The version did not come to serve all after its canary: what is left of that ends."""
        started = self._of(CanaryStarted)
        if started and self.present and self.present.canary:
            self.serving.serve(self.spec, self.asked.model, started.previous)

    def _begin(self) -> tuple[EndpointFact, ...] | None:
        asked, present = self.asked, self.present
        if self.spec.canary is None or stories.last(self.told, VersionRolledBack):
            return None
        if present is None or present.version in {"", asked.version}:
            return None
        if present.canary == asked.version and not present.pending:
            until = asked.at + self.spec.canary.lasts
            of = {"previous": present.version, "percent": present.percent, "until": until}
            return asked, asked.then(CanaryStarted, asked.at, **of)
        was_asked = stories.of_kind(self.told, EndpointRequested)
        if was_asked and present.failed and present.failed_version in {"", asked.version}:
            return asked, asked.then(EndpointFailed, asked.at, message=present.failed)
        if not present.pending:
            self.serving.serve(self.spec, asked.model, present.version, canary=asked.version)
        return (asked,)

    def _outright(self, ended: CanaryEnded) -> tuple[EndpointFact, ...]:
        self.serving.serve(self.spec, self.asked.model, self.asked.version)
        return self.asked, ended

    def _back(self, started: CanaryStarted, ended: CanaryEnded, present: Endpoint) -> tuple[EndpointFact, ...]:
        message = f"its canary was not well: {ended.reason}"
        is_back = present.version == started.previous and not present.canary
        if not is_back and present.failed and self._of(CanaryEnded):  # asked for at the look before
            message += f"; nor could version {started.previous} be served alone again: {present.failed}"
        elif not is_back:
            self.serving.serve(self.spec, self.asked.model, started.previous)
            return self.asked, ended
        return ended, self.asked.then(EndpointFailed, self.asked.at, message=message)

    def _unwell(self, started: CanaryStarted, present: Endpoint) -> str:
        if present.unwell or present.failed:
            return present.unwell or present.failed
        if (present.version, present.canary) != (started.previous, self.asked.version):
            return f"it is not served beside version {started.previous} any more"
        return self.bad

    def _of[Kind: EndpointFact](self, kind: type[Kind]) -> Kind | None:
        names = self.asked.endpoint, self.asked.version
        return next((one for one in stories.of_kind(self.told, kind) if (one.endpoint, one.version) == names), None)
