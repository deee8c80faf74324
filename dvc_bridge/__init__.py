"""Run any dvc.yaml in parallel and end byte for byte where `dvc repro` would."""
