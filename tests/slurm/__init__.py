"""Tests that need a SLURM: the one that SLURM_CONF names."""
