"""Families: what may be searched, a file or a sub-package each; `catalog.py` lists them."""
