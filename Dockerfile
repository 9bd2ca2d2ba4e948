# The image of `firstmate serve`; how to build and run it: README, "In a container".
# A test reads this file, runs its steps in order and asks the HEALTHCHECK: tests/integration/test_packaging.py.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /firstmate

# Dependencies first: they change less often than the code. Every file's hash is checked; what only developers need goes again.
COPY requirements.lock ./
RUN pip install --quiet --require-hashes --requirement requirements.lock \
 && pip uninstall --quiet --yes hypothesis import-linter jsonschema mypy pytest pytest-asyncio pytest-timeout pytest-xdist \
    ruff time-machine types-pyyaml

COPY pyproject.toml README.md LICENSE manifest.yml ./
COPY app ./app
COPY graphs ./graphs
COPY runbooks ./runbooks
RUN pip install --quiet --no-deps --no-build-isolation .

# The ledger, the inbox and the policy live here. A number, not a name: Kubernetes' runAsNonRoot can check it.
RUN mkdir -p /data && chown 10001:10001 /data && chmod 700 /data
ENV HOME=/data \
    FIRSTMATE_DATA_DIR=/data \
    FIRSTMATE_HOST=0.0.0.0 \
    FIRSTMATE_PORT=8723
WORKDIR /data
VOLUME /data
USER 10001:10001
EXPOSE 8723

# Without a proxy in between, whatever the environment says.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['FIRSTMATE_PORT']), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]

ENTRYPOINT ["firstmate"]
CMD ["serve"]
