"""Rows and what is known of them: columns, encoded tables, targets, signatures."""
