"""What it is worth: the ledger, commissions, and the runs that send the money."""
