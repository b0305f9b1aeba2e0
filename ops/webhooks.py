"""Commands about the registry's webhooks: ensure, list, test. They ask the registry itself."""

import argparse

from ops.output import Output
from ops.source import settings_of
from shared import installation
from shared.views.terminal import Cell, grid
from shared.views.text import visible

WELL, WRONG = 0, 1


def ensure(options: argparse.Namespace, output: Output) -> int:
    """Create ours, or bring it to this address, secret and events. Again, it changes nothing."""
    webhook_id = installation.ensure_webhook(settings_of(options.settings), options.url)
    output.show(f"the registry sends to {visible(options.url)} ({webhook_id})", {"id": webhook_id, "url": options.url})
    return WELL


def listed(options: argparse.Namespace, output: Output) -> int:
    """All of them. Well means that ours is there, active, and sent what we need."""
    found = installation.webhooks(settings_of(options.settings))
    rows = [
        [
            Cell("✓" if one.is_right else "✗" if one.is_ours else " "),
            Cell(visible(one.name), ("bold",)),
            Cell(visible(one.url)),
            Cell(one.status),
            Cell(visible(", ".join(one.events))),
        ]
        for one in found
    ]
    document = {
        "webhooks": [
            {
                "id": one.webhook_id,
                "name": one.name,
                "url": one.url,
                "status": one.status,
                "events": list(one.events),
                "ours": one.is_ours,
                "right": one.is_right,
            }
            for one in found
        ]
    }
    output.show("\n".join(grid(rows, output.terminal)) or "the registry has no webhook", document)
    return WELL if any(one.is_right for one in found) else WRONG


def test(options: argparse.Namespace, output: Output) -> int:
    """Have the registry send us one of each event. Well means that all were taken."""
    said = installation.test_webhooks(settings_of(options.settings))
    lines = [
        f"{'✗' if wrong else '✓'} {event}{f': {visible(wrong)}' if wrong else ''}" for event, wrong in said.items()
    ]
    document = {"events": [{"event": event, "taken": not wrong, "why_not": wrong} for event, wrong in said.items()]}
    output.show("\n".join(lines), document)
    return WRONG if any(said.values()) else WELL
