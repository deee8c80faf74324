"""The flight pipeline: plain stages, what they share, and their wiring for Metaflow.

train.py      Metaflow's entry point: one step per stage, or per group of parallel stages
__main__.py   dvc.yaml's entry point: `python -m flows STAGE`
run.py        runs a stage by its name; both entry points call it
stages/       the stages: one module and one public function each, files in and files out
models/       candidates, scores, gates, plots and the bundle
tables/       reading, writing and checking of tables and files
features/     columns, features, and the signals that they are computed from
params.py, errors.py, dep_check.py   parameters, errors, and a check of dvc.yaml against params.yaml
"""

import os

# Metaflow's code package also contains this package under its own name: stages are imported by it.
METAFLOW_PACKAGE_POLICY = "include"

# Idle OpenMP threads sleep instead of spinning. libgomp reads this once, when scikit-learn loads
# it: on a busy machine the same fit took 168 s spinning and 23 s sleeping.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# The matrices are narrow: a second BLAS thread costs CPU and saves no time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
