"""The program that confines itself and then runs a model.

Everything here is standard library only and runs in a process of its own, started by path and with an
empty environment, so that nothing of the platform is imported next to a model. The parent imports from
here only the record numbers in `answers`.
"""
