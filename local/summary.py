"""The end of the demo: what happened to each story, where to look next, and whether it is all true."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from local.home import Home
from local.proof import GOLD, ORIGINS, Proof
from local.stack import Stack
from shared.domain import facts as f
from shared.domain import story as stories


def what_happened(console: Console, proof: Proof, names: Mapping[str, str]) -> None:
    """A line for each story, by the name of what it is about; what was promoted and why; what lies in gold."""
    table = Table(title="\nWhat happened", title_justify="left", title_style="bold", show_edge=False)
    for column in ("story", "of", "facts", "seconds", "outcome"):
        table.add_column(column, overflow="fold", justify="right" if column in {"facts", "seconds"} else "left")
    told = {story: proof.ledger.story(story) for story in names}
    for story, facts in told.items():
        if facts:
            took = f"{(facts[-1].at - facts[0].at).total_seconds():.1f}"
            table.add_row(story, names[story], str(len(facts)), took, _outcome(facts))
    console.print(table)
    console.print("\n[bold]Promoted, and scored with[/]")
    for facts in told.values():
        for fact in stories.of_kind(facts, f.VersionPromoted):
            why = f"promoted over {fact.previous}" if fact.previous else "the first"
            console.print(f"  {fact.model}@{fact.version}  {why}: {fact.reason}", highlight=False)
    for origin in ORIGINS:
        console.print(f"  {GOLD}  {origin}  {proof.rows(GOLD, origin=origin):>7,} rows", highlight=False)


def where_to_look(console: Console, stack: Stack, home: Home) -> None:
    """The pages of a stack that runs, and the command for one more."""
    console.print(
        f"[bold]Look[/]  ops page     {stack.addresses['front']}/api/ops\n"
        f"      MLflow page  {stack.addresses['mlflow']}\n"
        f"      events       {stack.settings.event_grid_topic}\n"
        f"      a story      python -m ops --settings {home.settings_file} story flights/2013-02.csv",
        highlight=False,
        soft_wrap=True,
    )


def verdict(console: Console, proof: Proof) -> None:
    """How many readings were right, and each that was not."""
    for wrong in proof.wrong:
        console.print(f"[red]wrong[/] {wrong}", highlight=False)
    found = "[red]NOT what should have happened[/]" if proof.wrong else "[green]it all really happened[/]"
    console.print(
        f"[bold]Proof[/] {proof.right} of {proof.right + len(proof.wrong)} readings of Delta, MLflow and the ledger"
        f" are right: {found}",
        highlight=False,
    )


def _outcome(story: Sequence[f.Fact]) -> str:
    """How it ended, in a few words."""
    reverted, rejected = stories.last(story, f.PromotionReverted), stories.last(story, f.VersionRejected)
    quarantined, promoted = stories.last(story, f.DataQuarantined), stories.last(story, f.VersionPromoted)
    finished, back = stories.last(story, f.ScoringFinished), stories.last(story, f.VersionRolledBack)
    if back is not None and finished is not None:
        return f"rolled back from version {back.previous} by {back.who}, {finished.rows:,} rows scored"
    released = stories.last(story, f.QuarantineReleased)
    by = f"released by {released.who}, " if released else ""
    if quarantined is not None and released is None:
        return f"quarantined, {len(quarantined.reasons)} expectations failed"
    if reverted is not None:
        return f"rejected; {reverted.slot} put back to version {reverted.restored}"
    if rejected is not None:
        return f"{by}version {rejected.version} rejected"
    if promoted is not None and finished is not None:
        return f"{by}version {promoted.version} promoted, {finished.rows:,} rows scored"
    return f"stopped at {story[-1].kind}"
