"""What every view is made from."""

from typing import Protocol

from shared.notes import Journals, Tally
from shared.ports import Approvals, Ledger, Parking


class Records(Ledger, Approvals, Parking, Journals, Tally, Protocol):
    """The ledger with all that lies beside it: approvals, the parked list, journals and counts."""
