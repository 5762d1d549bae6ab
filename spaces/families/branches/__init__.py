"""Networks with a branch for each input, merged or compared."""
