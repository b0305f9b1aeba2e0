"""What every view is made from."""

from typing import Protocol

from shared.ports import Approvals, Ledger, Parking


class Records(Ledger, Approvals, Parking, Protocol):
    """The ledger with the approvals and the parked list that lie beside it."""
