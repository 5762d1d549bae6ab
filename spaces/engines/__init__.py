"""Engines: the libraries that train models, behind one contract."""
