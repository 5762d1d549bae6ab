"""Networks for tables: dense, and wide and deep."""
