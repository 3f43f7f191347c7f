"""Protocols: how the reports measured what their tables say, one experiment a file.

Each takes a trained model and a dataset, is deterministic by its seed, and returns numbers by name. Unlike scores they
may train judges and probes of their own, take seconds to minutes, and read test data; so they are run for a table, and
not while a trial is being trained.
"""
