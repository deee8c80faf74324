"""The exported model behind an HTTP server: it serves a verified bundle and reports drift.

    __main__     `python -m serving`
    lifecycle    start, reload on SIGHUP, drain on SIGTERM
    settings     the SERVING_* environment variables
    state        the active model, and whether the server is ready
    errors       what the server refuses
    example.json a request for one flight

    http/        requests and responses: routes, limits, API documentation, pages
    model/       bundle, schema, features, prediction
    monitoring/  metrics and drift
    tools/       commands for interactive use and CI: fetch a bundle, compare two tables
    deploy/      Kubernetes manifest, alert rules, dashboard, packages of the image

The server imports neither DVC, pandas, pyarrow nor scikit-learn, and its image contains none of
them. `tools` needs some of them.
"""
