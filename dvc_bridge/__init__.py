"""Run any dvc.yaml in parallel and end byte for byte where `dvc repro` would."""

# In Metaflow's code packages it travels with the flow that imports it.
METAFLOW_PACKAGE_POLICY = "include"
