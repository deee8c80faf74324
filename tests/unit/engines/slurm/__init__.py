"""Tests of the engine `slurm` that need no SLURM."""
