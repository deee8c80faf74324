"""What runs on data: plain stages, and their wiring for Metaflow."""

import os

# In Metaflow's code package it travels under its own name too: stages are imported by it.
METAFLOW_PACKAGE_POLICY = "include"

# Idle OpenMP threads sleep instead of spinning. libgomp reads this once, when scikit-learn loads
# it: on a busy machine the same fit took 168 s spinning and 23 s sleeping.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# The matrices are narrow: a second BLAS thread costs CPU and saves no time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
