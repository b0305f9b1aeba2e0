"""Commands that change something: replay and discard."""

import argparse
import getpass
import socket
from collections.abc import Sequence

from ops.output import Output
from ops.source import NothingFound, ledger_of, settings_of
from shared import bootstrap
from shared.errors import Poison
from shared.ports import ParkedMessage, Parking
from shared.views.document import settled_document
from shared.views.text import visible

WELL, REFUSED = 0, 1


def replay(options: argparse.Namespace, output: Output) -> int:
    """Send one message or all again. One that cannot be sent stays on the list and keeps no other from being sent."""
    settings = settings_of(options.settings)
    chosen = _chosen(ledger_of(settings), options.message)
    done: list[ParkedMessage] = []
    refused: list[tuple[ParkedMessage, str]] = []
    try:
        sluice = bootstrap.build(settings) if chosen else None
        for message in chosen:
            assert sluice is not None  # noqa: S101 - something was chosen, for the type checker
            try:
                sluice.replay(message, who=who())
                done.append(message)
            except Poison as error:
                refused.append((message, str(error)))
    finally:  # an unreachable Service Bus ends it here: what was sent until then is said all the same
        lines = [f"replayed {_name(one)}: sent to {one.queue} again" for one in done]
        lines += [f"not replayed {_name(one)}: {visible(because)}" for one, because in refused]
        if lines or not chosen:
            output.show("\n".join(lines) or "no message is parked", settled_document("replayed", done, refused))
    return REFUSED if refused else WELL


def discard(options: argparse.Namespace, output: Output) -> int:
    """Take one message off the list."""
    parking = ledger_of(settings_of(options.settings))
    (message,) = _chosen(parking, options.message)
    parking.settle(message.queue, message.message_id, f"discarded by {who()}: {options.because}")
    output.show(f"discarded {_name(message)}: {visible(options.because)}", settled_document("discarded", [message], []))
    return WELL


def _chosen(parking: Parking, name: str | None) -> Sequence[ParkedMessage]:
    """The message of that name, or all of them. Raises NothingFound."""
    waiting = parking.parked()
    if name is None:
        return waiting
    found = [one for one in waiting if f"{one.queue}/{one.message_id}" == name]
    if not found:
        raise NothingFound(f"'{visible(name)}' is not parked (`ops parked` lists those that are)")
    return found


def _name(message: ParkedMessage) -> str:
    return visible(f"{message.queue}/{message.message_id}")


def who() -> str:
    """Who did it, for the ledger."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container may run as a number that nobody gave a name
        user = "somebody"
    return f"{user}@{socket.gethostname()}"
