"""The joint wide-and-deep model of one fold."""
