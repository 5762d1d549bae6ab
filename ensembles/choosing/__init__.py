"""Choosing: honest scores, the gate among methods, members within a budget."""
