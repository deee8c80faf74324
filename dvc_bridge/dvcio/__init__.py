"""The only importer of DVC."""
