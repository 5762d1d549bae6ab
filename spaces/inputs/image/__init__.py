"""Images: read from files, and the branches that read them."""
