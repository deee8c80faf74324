"""SLURM as an engine: tasks are jobs, which the controller starts in the order of the tasks."""
