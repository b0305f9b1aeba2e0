"""Each fact as one sentence that a person reads: short, concrete, and understood without the facts around it."""

from collections.abc import Sequence
from datetime import timedelta
from functools import singledispatch

from shared.domain import facts as f
from shared.domain.arrival import SWEEP
from shared.domain.quality import CheckStep
from shared.domain.verdicts import RunResult, Severity, Verdict
from shared.views.text import span, utc

SHOWN = 3
"""How many of a list are named before the rest is counted."""


@singledispatch
def sentence(fact: f.Fact) -> str:
    """What happened. A kind that nobody wrote a sentence for says its name."""
    return fact.kind


@sentence.register
def _arrived(fact: f.DataArrived) -> str:
    finder = "the sweep" if fact.found_by == SWEEP else fact.found_by
    found = f"; no event told of it: found by {finder}" if finder else ""
    return f"{fact.file} arrived, {size(fact.size)}{found}{f': {fact.reason}' if fact.reason else ''}"


@sentence.register
def _assembled(fact: f.BatchAssembled) -> str:
    files = f"{many(len(fact.files), 'file')}, {size(sum(one.size for one in fact.files))}"
    return f"the batch has {files}: {_some([one.file.rpartition('/')[2] for one in fact.files], ', ', shown=3)}"


@sentence.register
def _check_run_started(fact: f.CheckRunStarted) -> str:
    what = "checks the batch" if fact.step is CheckStep.CHECK else "keeps apart what failed"
    again = f", attempt {fact.attempt}" if fact.attempt > 1 else ""
    return f"run {fact.job_run_id} in {fact.workspace} {what}: {fact.reason}{again}{_again(fact.generation)}"


@sentence.register
def _check_run_finished(fact: f.CheckRunFinished) -> str:
    return _ended(f"check run {fact.job_run_id}", fact.result, fact.message, final=fact.final)


@sentence.register
def _checked(fact: f.BatchChecked) -> str:
    blocking = [one.verdict for one in fact.expectations if one.severity is Severity.BLOCKING]
    counts = [
        f"{blocking.count(verdict)} {verdict}"
        for verdict in (Verdict.ERROR, Verdict.FAILED, Verdict.MISCONFIGURED, Verdict.WAITING)
        if verdict in blocking
    ]
    found = ", ".join(counts) or str(fact.verdict)
    warnings = sum(one.verdict is not Verdict.PASSED for one in fact.expectations if one.severity is Severity.WARNING)
    also = f", {many(warnings, 'warning')}" if warnings else ""
    return f"{many(fact.rows, 'row')} checked by {many(len(fact.expectations), 'expectation')}: {found}{also}" + _again(
        fact.generation
    )


@sentence.register
def _drift(fact: f.DriftMeasured) -> str:
    against = f"compared with version {fact.against_version}"
    changed = f"; {many(len(fact.verdicts), 'verdict')} changed" if fact.verdicts else ""
    if not fact.exceeding:
        return f"{against}: no drift{changed}{_again(fact.generation)}"
    return f"{against}: {fact.drift}, {_some([one.sentence for one in fact.exceeding], '; ', shown=2)}{changed}"


@sentence.register
def _committed(fact: f.DataCommitted) -> str:
    return f"{many(fact.rows, 'row')} committed to {fact.table} as version {fact.delta_version}" + _again(
        fact.generation
    )


@sentence.register
def _quarantined(fact: f.DataQuarantined) -> str:
    why = _some(fact.reasons, "; ", shown=1) or "no expectation decided"
    what = f"{many(fact.rows, 'row')} quarantined" if fact.rows else "quarantined"
    return f"{what}: {why}{_again(fact.generation)}"


@sentence.register
def _rows_quarantined(fact: f.RowsQuarantined) -> str:
    why = _some(fact.reasons, "; ", shown=1)
    return f"{many(fact.rows, 'row')} quarantined, the others go on: {why}{_again(fact.generation)}"


@sentence.register
def _released(fact: f.QuarantineReleased) -> str:
    then = "to be checked once more" if fact.check else "as it is"
    return f"released from quarantine by {fact.who}, {then}: {fact.reason}"


@sentence.register
def _superseded(fact: f.DataSuperseded) -> str:
    return f"not read, it changed too soon: {fact.reason}"


@sentence.register
def _missing(fact: f.DataMissing) -> str:
    every = span(timedelta(seconds=fact.every_seconds))
    times = "once" if fact.period == 1 else f"{fact.period} times"
    return f"no data for {fact.use_case} since {utc(fact.since)}, where it is expected every {every}: missed {times}"


@sentence.register
def _resumed(fact: f.DataResumed) -> str:
    if not fact.arrived:
        return f"{fact.use_case} does not expect data any more"
    return f"data for {fact.use_case} came again, in story {fact.arrived}"


@sentence.register
def _live_metrics_bad(fact: f.LiveMetricsBad) -> str:
    seen = ", ".join(f"{value:g}" for value in fact.values)
    asked = f"at least {fact.bad} of the last {fact.of} values of {fact.metric} are not {fact.bound}"
    then = f"a training on version {fact.delta_version} of {fact.table} is asked for"
    return f"{fact.model} version {fact.version} is bad in production, {asked}: {seen}; {then}"


@sentence.register
def _training_requested(fact: f.TrainingRequested) -> str:
    past = ", whatever the cool-down says" if fact.past_cool_down else ""
    after = f", where that of {_some(fact.repeats, ', ')} failed" if fact.repeats else ""
    what = f"a training on version {fact.delta_version} of {fact.table}"
    return f"{fact.who} asked for {what}{past}{after}: {fact.reason}"


@sentence.register
def _training_repeated(fact: f.TrainingRepeated) -> str:
    return f"what failed is trained on again in story {fact.continues}, as {fact.who} asked: {fact.reason}"


@sentence.register
def _skipped(fact: f.TrainingSkipped) -> str:
    return f"no training, {fact.reason}: {fact.detail}"


@sentence.register
def _training_started(fact: f.TrainingStarted) -> str:
    against = f"to beat version {fact.champion_version}" if fact.champion_version else "with no champion to beat"
    where = f"run {fact.job_run_id} in {fact.workspace}"
    return f"{where} trains on version {fact.delta_version} of {fact.table}, {against}{_again(fact.generation)}"


@sentence.register
def _training_finished(fact: f.TrainingFinished) -> str:
    return _ended(f"training run {fact.job_run_id}", fact.result, fact.message, final=fact.final)


@sentence.register
def _registered(fact: f.VersionRegistered) -> str:
    by = f" by MLflow run {fact.mlflow_run_id}" if fact.mlflow_run_id else ", made by no MLflow run"
    return f"{fact.model} version {fact.version} registered{by}"


@sentence.register
def _judged(fact: f.VersionJudged) -> str:
    judged = f"version {fact.version} judged by {many(len(fact.rules), 'rule')}: {fact.verdict}"
    if fact.verdict is not Verdict.PASSED:
        return f"{judged}, {fact.reason}"
    seen = list(
        dict.fromkeys(one.seen for one in fact.rules if one.severity is Severity.BLOCKING and one.seen != "yes")
    )
    warnings = sum(one.verdict is not Verdict.PASSED for one in fact.rules if one.severity is Severity.WARNING)
    return ", ".join(filter(None, (judged, _some(seen, "; "), many(warnings, "warning") if warnings else "")))


@sentence.register
def _requested(fact: f.ApprovalRequested) -> str:
    asked = " and ".join(f"{one.quorum} {one.role}" for one in fact.asked)
    until = min((one.expires_at for one in fact.asked), default=None)
    by = f", until {until:%Y-%m-%d %H:%M} UTC" if until else ""
    return f"version {fact.version} waits for approval by {asked}{by}"


@sentence.register
def _given(fact: f.ApprovalGiven) -> str:
    return f"version {fact.version} approved by {fact.who} ({', '.join(fact.roles)}): {fact.reason}"


@sentence.register
def _refused(fact: f.ApprovalRefused) -> str:
    return f"version {fact.version} refused by {fact.who} ({', '.join(fact.roles)}): {fact.reason}"


@sentence.register
def _expired(fact: f.ApprovalExpired) -> str:
    return f"version {fact.version} {fact.reason}"


@sentence.register
def _voided(fact: f.ApprovalVoided) -> str:
    return f"the approval of version {fact.version} is {fact.reason}"


@sentence.register
def _closed(fact: f.ApprovalClosed) -> str:
    return f"the request to approve version {fact.version} is {fact.outcome}: {fact.reason}"


@sentence.register
def _promoted(fact: f.VersionPromoted) -> str:
    before = f"in place of version {fact.previous}" if fact.previous else "the first one"
    return f"version {fact.version} is {fact.slot} of {fact.model}, {before}"


@sentence.register
def _rejected(fact: f.VersionRejected) -> str:
    return f"version {fact.version} rejected: {_first(fact.reason.removeprefix(f'{Verdict.FAILED}: '))}"


@sentence.register
def _reverted(fact: f.PromotionReverted) -> str:
    moved = f"moved to version {fact.found}" if fact.found else "taken away"
    then = f"put back to version {fact.restored}" if fact.restored else "emptied, as no version is approved"
    return f"{fact.slot} of {fact.model} was {moved} around the gate, and {then}: {_first(fact.reason)}"


@sentence.register
def _withheld(fact: f.RevertWithheld) -> str:
    moved = f"points at version {fact.found}" if fact.found else "is empty"
    approved = f"version {fact.approved}" if fact.approved else "no version"
    left = "left so, as somebody insists" if fact.contested else "left so, as the gate only warns"
    return f"{fact.slot} of {fact.model} {moved}, approved is {approved}; {left}: {fact.reason}"


@sentence.register
def _due(fact: f.AnnouncementDue) -> str:
    return f"others are to hear of {fact.about.partition(':')[0]}"


@sentence.register
def _delayed(fact: f.AnnouncementDelayed) -> str:
    return f"{fact.what} could not be announced yet, and is tried at every sweep: {fact.reason}"


@sentence.register
def _announced(fact: f.DecisionAnnounced) -> str:
    if not fact.event_id:
        return f"{fact.what} not announced: the topic was turned off"
    return f"{fact.what} announced as event {fact.event_id}"


@sentence.register
def _restored(fact: f.SlotRestored) -> str:
    version = f"version {fact.version}" if fact.version else "empty"
    return f"{fact.slot} of {fact.model} is {version} again, as approved"


@sentence.register
def _rollback_requested(fact: f.RollbackRequested) -> str:
    then = f"version {fact.target} is to be put back" if fact.target else "something is to be put back"
    return f"{fact.model} version {fact.version} is bad in production, {fact.reason}; {then}"


@sentence.register
def _rollback_withheld(fact: f.RollbackWithheld) -> str:
    return f"{fact.slot} of {fact.model} stays at version {fact.version}, bad as it is: {fact.reason}"


@sentence.register
def _rollback_overtaken(fact: f.RollbackOvertaken) -> str:
    now = f"version {fact.approved}" if fact.approved else "no version"
    return f"{now} of {fact.model} is in production by now, not version {fact.version}, which was bad"


@sentence.register
def _rolled_back(fact: f.VersionRolledBack) -> str:
    return (
        f"{fact.slot} of {fact.model} rolled back from version {fact.previous} to {fact.version} by {fact.who}:"
        f" {fact.reason}"
    )


@sentence.register
def _scoring_requested(fact: f.ScoringRequested) -> str:
    return f"{fact.who} asked to score with version {fact.version} of {fact.model}: {fact.reason}"


@sentence.register
def _planned(fact: f.ScoringPlanned) -> str:
    parts = "" if fact.shard_size else _some(fact.parts, ", ", shown=8)
    listed = f": {parts}" if parts else ""
    if fact.shard_size:
        listed = f", in {len(fact.parts)} shards"
    by = f"files, of about {fact.rows_per_part:,} rows each" if fact.rows_per_part else fact.part_by
    data = f"version {fact.delta_version} of {fact.table}"
    data += f", what changed since version {fact.since}," if fact.since >= 0 else ""
    return f"model version {fact.version} scores {data} in {many(sum(fact.counts), 'part')} by {by}{listed}"


@sentence.register
def _scoring_skipped(fact: f.ScoringSkipped) -> str:
    return f"no scoring: {fact.reason}"


@sentence.register
def _scoring_cancelled(fact: f.ScoringCancelled) -> str:
    return f"scoring cancelled by {fact.who}: {fact.reason}"


@sentence.register
def _scoring_delayed(fact: f.ScoringDelayed) -> str:
    return f"scoring waits until that of story {fact.behind_story} has ended, which writes {fact.gold}"


@sentence.register
def _version_demoted(fact: f.VersionDemoted) -> str:
    scoring = "is ended" if fact.then == "stop" else "goes on, and that of the other begins after it"
    return f"version {fact.by} of {fact.model} is in production instead of {fact.version}, whose scoring {scoring}"


@sentence.register
def _scoring_resumed(fact: f.ScoringResumed) -> str:
    return f"scoring resumed by {fact.who}, with what is not in gold yet"


@sentence.register
def _part_started(fact: f.PartStarted) -> str:
    if not fact.job_run_id:
        return f"shard {fact.part} sent"
    return f"run {fact.job_run_id} in {fact.workspace} scores part {fact.part}{_again(fact.generation)}"


@sentence.register
def _part_scored(fact: f.PartScored) -> str:
    what = f"{'part' if fact.job_run_id else 'shard'} {fact.part} scored, {many(fact.rows, 'row')}"
    return f"{what}: {fact.summary.words}" if fact.summary and fact.summary.words else what


@sentence.register
def _part_failed(fact: f.PartFailed) -> str:
    if not fact.job_run_id:
        return f"shard {fact.part} {fact.result}: {fact.message}"
    return _ended(f"part {fact.part}: run {fact.job_run_id}", fact.result, fact.message, final=fact.final)


@sentence.register
def _jumped(fact: f.PredictionsJumped) -> str:
    return f"the predictions in {fact.gold} jumped against story {fact.against}: {_some(fact.reasons, '; ')}"


@sentence.register
def _scoring_finished(fact: f.ScoringFinished) -> str:
    return f"{many(fact.rows, 'row')} scored into {fact.gold}, version {fact.gold_version}"


@sentence.register
def _endpoint_requested(fact: f.EndpointRequested) -> str:
    return f"endpoint {fact.endpoint} is asked to serve version {fact.version} of {fact.model}"


@sentence.register
def _canary_started(fact: f.CanaryStarted) -> str:
    until = f"until {fact.until:%Y-%m-%d %H:%M} UTC"
    return (
        f"endpoint {fact.endpoint} answers {fact.percent} % of the requests with version {fact.version} {until},"
        f" the others with version {fact.previous}"
    )


@sentence.register
def _canary_ended(fact: f.CanaryEnded) -> str:
    if fact.healthy:
        return f"version {fact.version} was well on endpoint {fact.endpoint}, and is to answer all requests"
    return f"version {fact.version} was not well on endpoint {fact.endpoint}, and is taken back: {fact.reason}"


@sentence.register
def _endpoint_updated(fact: f.EndpointUpdated) -> str:
    return f"endpoint {fact.endpoint} serves version {fact.version} of {fact.model}"


@sentence.register
def _endpoint_failed(fact: f.EndpointFailed) -> str:
    return f"endpoint {fact.endpoint} does not serve version {fact.version}: {fact.message}"


@sentence.register
def _parked(fact: f.Parked) -> str:
    return f"message {fact.message_id} of {fact.queue} parked, {fact.reason}: {fact.detail}"


def size(count: int) -> str:
    """Bytes, as people say them."""
    if count < 1000:
        return many(count, "byte")
    amount, units = count / 1000, ["kB", "MB", "GB", "TB"]
    while amount >= 999.5 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.3g} {units[0]}"


def many(count: int, noun: str) -> str:
    """`1 row`, `27,004 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _some(texts: Sequence[str], separator: str, *, shown: int = SHOWN) -> str:
    more = len(texts) - shown
    named = separator.join(texts[:shown])
    return f"{named}{separator}and {more} more" if more > 0 else named


def _first(reason: str) -> str:
    """Of a reason that lists the rules, the first: the judgement before it lists them all."""
    return _some(reason.split("; "), "; ", shown=1)


def _again(generation: int) -> str:
    return f" (generation {generation})" if generation > 1 else ""


def _ended(what: str, result: RunResult, message: str, *, final: bool) -> str:
    said = f": {message}" if message else ""
    match result:
        case RunResult.SUCCEEDED:
            return f"{what} succeeded"
        case RunResult.LOST if not final:
            return f"{what} was lost, and runs again{said}"
        case RunResult.LOST:
            return f"{what} was lost for good{said}"
        case RunResult.CANCELLED:
            return f"{what} was cancelled{said}"
        case _:
            return f"{what} {result}{said}"
