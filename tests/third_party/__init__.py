"""Model files that others made and published, tried as their users would upload them.

`wheels.txt` locks the wheels they lie in, `artifacts.py` says which files of them are tried, on what data
(`data.py`), and `recorded.json` what came of each: `make third-party` tries all of them on an instance of its own and
fails where anything differs; `test_artifacts.py` holds the small ones to the same words in the suite.
"""
