"""Combiners: fitted, they make one prediction of several, and can be written down."""
