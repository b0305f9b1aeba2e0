"""Processes that are forked from one that has imported what takes long; there is one such process for all tests."""

import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any

HEAVY = ["sluice_ml.train", "sluice_ml.score", "sluice_ml.check", "tests.contracts.site", __name__]


def start(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Start a process that runs `target`."""
    context = get_context("forkserver")
    context.set_forkserver_preload(HEAVY)  # counts the first time only, whoever starts the first process
    process = context.Process(target=target, args=arguments)
    process.start()
    return process


if not hasattr(sys.modules["__main__"], "__file__"):  # in that process; PySpark would take it for its own doctests
    from shared.adapters import great_expectations

    sys.modules["__main__"].__file__ = "preloaded"
    great_expectations.load()
