"""Commands for interactive use and CI. The server imports none of them.

fetch_bundle  `python -m serving.tools.fetch_bundle --ref REF`: a DVC revision -> a bundle folder
drift         `python -m serving.tools.drift REF CUR`: compares two tables of features
drift_report  the HTML report of `drift`
tables        reads the tables that `drift` compares
"""
