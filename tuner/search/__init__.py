"""What is tried next: samplers, pruners, and the ledger of what was asked and told."""
