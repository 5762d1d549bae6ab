"""Tables: columns at the border, what is learned of them, how their numbers are scaled."""
