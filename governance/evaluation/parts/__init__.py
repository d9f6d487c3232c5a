"""Large evaluations in parts: each predicts some rows, on whichever worker is free, and the last one wakes the
evaluation, which puts them together."""
