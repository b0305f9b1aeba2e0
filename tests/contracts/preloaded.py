"""Great Expectations, for processes that are forked from one that has it."""

import sys

from shared.adapters import great_expectations

if not hasattr(sys.modules["__main__"], "__file__"):  # PySpark would take that for its own doctests
    sys.modules["__main__"].__file__ = "preloaded"
great_expectations.load()
