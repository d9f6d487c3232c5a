"""The embedded default: PostgreSQL and Redis as child processes, and the supervisor of `make run`.

Stands apart: it imports no Django and no other part of Countersign, so that it works before
the settings can be read and keeps working while the product is broken.
"""
