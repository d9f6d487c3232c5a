"""What an auditor runs without the platform. `verify.py` imports nothing but the standard library."""
