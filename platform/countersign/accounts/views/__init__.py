"""Pages of signing in, one's own access, and the people."""
