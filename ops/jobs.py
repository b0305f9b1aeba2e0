"""Commands about the jobs in the workspaces."""

import argparse
from pathlib import Path

from ops.output import Output
from ops.source import settings_of
from shared import installation, usecase
from shared.views.text import visible

WELL, WRONG = 0, 1


def connect(options: argparse.Namespace, output: Output) -> int:
    """Have the jobs of the use cases tell the app when a run ended. Again, it changes nothing."""
    settings = settings_of(options.settings)
    names = sorted({job for one in usecase.load(Path(settings.use_cases)).all for job in one.jobs})
    missing = installation.connect_jobs(settings, names, options.url)
    lines = [
        f"✗ {workspace} has no job {', '.join(lacks)}: deploy ml/databricks.yml there"
        if lacks
        else f"✓ {workspace}: {', '.join(names)} tell {visible(options.url)}"
        for workspace, lacks in missing.items()
    ]
    output.show("\n".join(lines), {"jobs": names, "missing": missing, "url": options.url})
    return WRONG if any(missing.values()) else WELL
