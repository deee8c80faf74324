"""The HTTP side: from bytes on a connection to a response, and the pages that describe the API.

app             the routing table
middleware      around every request: its id, its time, errors as responses
handlers        the endpoints that predict
body            reads a request body within the limits
response        a response as ASGI messages; an error as a response
http_protocol   uvicorn's protocol, with a time limit for slow clients and one write a response
open_inference  the Open Inference Protocol, version 2
openapi         the OpenAPI document of all paths
docs, page      the API documentation at /docs; the page at /
model_card      the model card at /model
request_log     a JSON line for each request, if the settings ask for it
"""
