"""What a bundle holds: which entries, and which files beside them."""
