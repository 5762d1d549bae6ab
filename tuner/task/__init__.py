"""A task: data read, target told, rows encoded and divided."""
