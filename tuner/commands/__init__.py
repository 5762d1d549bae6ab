"""The commands of `tuner`, a file a task of the person at the terminal; `tuner/cli.py` puts them together."""
