"""REST of models, versions, their files, aliases, tags and uploads."""
