"""Monitoring: the Prometheus metrics, and how far the served rows have drifted from training.

metrics   all metrics of one server, as /metrics shows them
counters  requests and rows, counted without prometheus-client's locks
window    the rows that the server predicted most recently
psi       rows counted by bin, and the population stability index of two counts
"""
