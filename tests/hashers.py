"""Argon2 as in production, with the least cost: tests sign in hundreds of times."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2(Argon2PasswordHasher):
    """One pass over 8 KiB."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
