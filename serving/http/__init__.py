"""The HTTP side: from bytes on a connection to a response, and the pages that describe the API.

app             the routing table
middleware      around every request: its id, its time, errors as responses
endpoint        a handler, and the name of its route in the metrics
predictions     the endpoints that predict: /predict, /explain, /v2/models/.../infer
health          the probes: /livez, /readyz
body            reads a request body within the limits
response        a response as ASGI messages; an error as a response
http_protocol   uvicorn's protocol, with a time limit for slow clients
open_inference  the Open Inference Protocol, version 2
openapi         the OpenAPI document of all paths
docs            the API documentation at /docs
page            the page at /: a form for one flight
model_card      the model card at /model
request_log     a JSON line for each prediction, if the settings ask for it
"""
