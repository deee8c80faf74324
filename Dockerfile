# The pipeline's pods:   docker build --target pipeline .
# Workers for pods of other images (docs/argo.md): docker build --target worker .
# The prediction server: docker build --target server .
# BASE is any Debian image with Python >= 3.11; BUNDLE is a folder made by `dvc repro`, or by
# `python -m serving.tools.fetch_bundle --ref disrupted-flights#prod -o build/bundle`.
ARG BASE=python:3.11-slim

FROM ${BASE} AS server-packages
COPY serving/deploy/requirements.lock /requirements.lock
RUN python3 -m venv /venv \
 && /venv/bin/pip install --quiet --no-cache-dir --require-hashes -r /requirements.lock \
 && find /venv -name '*.js.map' -o -name '*.css.map' | xargs rm -f \
 && /venv/bin/pip uninstall --quiet --yes setuptools pip

FROM ${BASE} AS server
COPY --from=server-packages /venv /venv
WORKDIR /app
# The shared definition of the features, and no other part of the pipeline.
COPY flows/__init__.py flows/
COPY flows/features/__init__.py flows/features/arrays.py flows/features/columns.py \
     flows/features/known_inputs.py flows/features/
COPY flows/models/__init__.py flows/models/histograms.py flows/models/
COPY serving serving
ARG BUNDLE=models/bundle
COPY ${BUNDLE} /bundle
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    SERVING_BUNDLE=/bundle SERVING_HOST=0.0.0.0 SERVING_DRAIN_S=5
RUN PYTHONDONTWRITEBYTECODE= /venv/bin/python -m compileall -q flows serving
USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["/venv/bin/python", "-m", "serving"]

FROM ${BASE} AS worker-files
COPY requirements-worker.lock setup.cfg pyproject.toml README.md LICENSE /src/
RUN python3 -m venv /venv \
 && /venv/bin/pip install --quiet --no-cache-dir --require-hashes --no-deps -r /src/requirements-worker.lock
COPY dvc_bridge /src/dvc_bridge
RUN /venv/bin/pip install --quiet --no-cache-dir --no-deps --no-build-isolation /src \
 && /venv/bin/pip uninstall --quiet --yes setuptools pip \
 && PATH=/venv/bin:$PATH python -m dvc_bridge.worker.portable

FROM scratch AS worker
COPY --from=worker-files /dvc-bridge /dvc-bridge
USER 10001:10001
ENTRYPOINT []

FROM ${BASE} AS pipeline
RUN command -v git || { apt-get update -qq && apt-get install -qq --no-install-recommends git \
 && rm -rf /var/lib/apt/lists/*; }
COPY requirements.lock /src/
RUN python3 -m venv /venv \
 && /venv/bin/pip install --quiet --no-cache-dir --require-hashes --no-deps -r /src/requirements.lock
COPY setup.cfg pyproject.toml README.md LICENSE /src/
COPY dvc_bridge /src/dvc_bridge
RUN /venv/bin/pip install --quiet --no-cache-dir --no-deps --no-build-isolation /src && rm -r /src
# Any UID, without a home of its own, and a root file system that may be read-only: all that is
# written goes to /tmp. Pods of Metaflow work where they start, and need not install its packages.
ENV PATH=/venv/bin:$PATH HOME=/tmp USER=dvc DVC_SITE_CACHE_DIR=/tmp/dvc DVC_NO_ANALYTICS=1 \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 METAFLOW_SKIP_INSTALL_DEPENDENCIES=1
WORKDIR /tmp
USER 10001:10001
ENTRYPOINT []
