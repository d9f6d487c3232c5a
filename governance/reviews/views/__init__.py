"""Pages of reviews: the list, one review with its seal and its conversation, and asking for one."""
