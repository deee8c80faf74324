"""The exported model behind HTTP: a verified bundle in, predictions, metrics and drift out.

    settings     what the environment asks for
    verified     a bundle folder, hashed before anything in it is read
    description  model.json as typed values
    model        a verified bundle -> something that predicts, warm
    schema       what may be in a row; misfits: every problem of a body that does not fit
    request      a body -> what is known -> features (by flows.stages.known, as in training)
    protocol     the Open Inference Protocol, version 2
    explain      what drives one prediction
    psi, window  drift: the measure, and what was served lately
    live         which model serves, and whether the server is ready
    metrics      what /metrics shows; counts: requests and rows
    body, edge   reading within limits; ids, counting, errors as answers (answer)
    predictions  the handlers that predict
    app          the routes; openapi, page, card: what describes them
    connections  slow ones are ended
    lifecycle    start, reload on SIGHUP, drain on SIGTERM

    bundle       `python -m serving.bundle --ref`: a DVC revision -> a bundle folder
    drift        `python -m serving.drift REF CUR`: two tables compared (tables, drift_report)

The last two are for people and CI. The server imports neither DVC, pandas, pyarrow nor
scikit-learn, and its image has none of them.
"""
