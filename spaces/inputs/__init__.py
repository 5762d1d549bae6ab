"""Inputs, a sub-package a kind: read at the border, prepared, searched, read by networks."""
