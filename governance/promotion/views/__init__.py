"""Pages of promotion: what is live where, promoting a version, rolling back, what was promoted."""
