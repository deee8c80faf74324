"""The exported model behind HTTP: a verified bundle in, predictions, metrics and drift out.

    settings     what the environment asks for
    verified     a bundle folder, hashed before anything in it is read
    description  model.json as typed values
    model        a verified bundle -> something that predicts, warm
    request      a request body -> what is known -> features (by flows.stages.known, as in training)
    protocol     the Open Inference Protocol, version 2
    explain      what drives one prediction
    psi, window  drift: the measure, and what was served lately
    metrics      what /metrics shows
    body, edge   reading within limits; request ids and counting
    app          the routes;  openapi, page: what describes them
    lifecycle    start, reload on SIGHUP, drain on SIGTERM
    bundle       `python -m serving.bundle --ref`: a DVC revision -> a bundle folder (not in the image)
    drift        `python -m serving.drift REF CUR`: two tables compared (not in the image)

At run time neither DVC, pandas, pyarrow nor scikit-learn is imported.
"""
