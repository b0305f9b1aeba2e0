"""The files of a batch: one, those that a marker or a manifest stands for, those of a quiet period, a Delta commit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

from shared.domain import story as stories
from shared.domain.batch import MOST_FILES, LandedFile
from shared.domain.commands import CheckBatch
from shared.domain.facts import BatchAssembled
from shared.domain.usecase import Format, UseCase
from shared.errors import Conflict, Refused
from shared.steps.batch_ports import BatchPorts


@contextmanager
def fetch_batch(command: CheckBatch, use_case: UseCase, ports: BatchPorts) -> Iterator[Path | None]:
    """A local copy of the batch, a file or a folder of files, while the context lasts; None where it changed since.

    Which files a batch has is recorded before they are read. Raises Refused for one without any, or with too many.
    """
    data = use_case.data
    if data.format is Format.DELTA:
        with ports.landing.fetch_commit(command.url, command.etag, data.largest) as rows:
            yield rows
    elif data.is_of_one_file:
        with ports.landing.fetch(command.url, command.etag, data.largest) as file:
            yield file
    else:
        files = files_of_batch(command, use_case, ports)
        if files is None:
            yield None
            return
        with ports.landing.fetch_all(files, data.largest, without_changed=data.quiet is not None) as folder:
            yield folder


def files_of_batch(command: CheckBatch, use_case: UseCase, ports: BatchPorts) -> Sequence[LandedFile] | None:
    """Recorded, so that it stays so; None where its manifest changed since. Raises Refused, Conflict."""
    known = stories.last(ports.ledger.story(command.story), BatchAssembled)
    if known is None:
        if use_case.data.quiet is not None:  # the sweep, which records them, died half-way: its next turn does it
            raise Conflict(f"the files of {command.story} are not recorded yet")
        found = _beside(command, use_case, ports)
        if found is None:
            return None
        assembled = BatchAssembled(story=command.story, at=ports.clock.now(), files=tuple(found))
        ports.ledger.record([assembled])
        known = stories.last(ports.ledger.story(command.story), BatchAssembled) or assembled
    return known.files


def _beside(command: CheckBatch, use_case: UseCase, ports: BatchPorts) -> Sequence[LandedFile] | None:
    """The data beside a marker, or what a manifest names."""
    data = use_case.data
    found = {one.file: one for one in ports.landing.beside(command.url)}
    if data.manifest:
        names = ports.landing.manifest(command.url, command.etag)
        if names is None:
            return None
        wanted = [f"{command.file.rpartition('/')[0]}/{name}" for name in names]
        if absent := [file for file in wanted if file not in found]:
            raise Refused(f"{command.file} names {absent[0]}, which is not there: land it, then send the message again")
    else:
        wanted = [file for file in sorted(found) if fnmatchcase(file, data.arrives) and file != command.file]
    if not wanted:
        raise Refused(f"beside {command.file} nothing is that matches data.arrives: land it, then land the file again")
    if len(wanted) > MOST_FILES:
        raise Refused(f"{command.file} ends a batch of {len(wanted):,} files, of which {MOST_FILES:,} are read")
    return [found[file] for file in wanted]
