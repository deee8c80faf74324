"""The model: a verified bundle, and what turns the values of a request into probabilities.

bundle_reader  reads a bundle folder and verifies it before it decodes any file
metadata       model.json and origin.json as typed values
model          a verified bundle -> a model that predicts, after a warm-up
schema         names, types and ranges of the values in a request
request        a request body -> features, computed by the same function as in training
validation     all problems of a request that does not fit the schema
explain        which groups of features drive one prediction
"""
