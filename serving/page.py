"""The page at / and the documentation at /docs, both without anything from elsewhere."""
from fastapi import FastAPI
from .live import Live
def add_pages(app: FastAPI, live: Live) -> None: ...
