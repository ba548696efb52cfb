"""Thousands of simulated devices in one process: they speak the real protocol, and behave as a table says."""
