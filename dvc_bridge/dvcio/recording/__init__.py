"""Writers of dvc.lock, .gitignore files and the run cache."""
