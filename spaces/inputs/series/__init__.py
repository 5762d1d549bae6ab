"""Series: the branches that read them."""
