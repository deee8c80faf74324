r"""The stages: one module and one public function each, files in and files out.

    ingest -> featurize -> train@{hgb,logistic,rate_table} -> select -> evaluate -> export
                       \-> backtest@{month} ------------------------/

dvc.yaml and flows/train.py both call these functions through `flows.pipeline`.
"""
