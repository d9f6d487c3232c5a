"""Probes: what a second process of the model is asked beside every row of the data.

One module a probe. Each says which passes it wants and turns the answers into its part of the results; none knows
Django, the sandbox or the other probes. `governance.evaluation.probing` runs them.
"""
