"""Keras layers that several networks share, and the spaces of their stacks."""
