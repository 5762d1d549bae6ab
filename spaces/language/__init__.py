"""The space language: three leaves, nested mappings of them, changes by name."""
