"""What this machine allows: cores and threads, and what a process may remember."""
