"""REST of model cards."""
