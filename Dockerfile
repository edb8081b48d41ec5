# The service in a container, for an NVIDIA GPU or for the CPU alone:
#
#   docker build --tag rowreader .
#   docker build --tag rowreader:cpu --build-arg DEVICE=cpu .
#
# BentoML's own image (`bentoml containerize`) has no health check, and BentoML does not replace
# a worker that dies in it.
ARG DEVICE=gpu

FROM python:3.11-slim AS base
WORKDIR /app
# /tmp is all that the service writes to, so that the rest may be read-only.
RUN useradd --uid 10001 --home-dir /tmp --no-create-home rowreader
# The one list of what serving needs is pyproject.toml; the code of the project comes last,
# so that a change of it installs nothing anew.
COPY pyproject.toml constraints.txt ./
RUN python -c 'import tomllib; \
    project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
    print(*project["dependencies"], *project["optional-dependencies"]["cuda"], sep="\n")' \
    > requirements.txt

# CUDA 13 and cuDNN come as pip's wheels; the driver is the machine's, by `docker run --gpus`.
FROM base AS gpu
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility
RUN pip install --no-cache-dir --constraint constraints.txt --requirement requirements.txt

# The same with ONNX Runtime's build for the CPU, which is the same module without CUDA.
FROM base AS cpu
RUN sed -E -i 's/^onnxruntime-gpu(\[[a-z,]*\])?/onnxruntime/' requirements.txt \
    && pip install --no-cache-dir --constraint constraints.txt --requirement requirements.txt

FROM ${DEVICE}
# Readable for all, whatever the permissions of the checkout are.
COPY --chmod=755 bentofile.yaml /app/
COPY --chmod=755 service /app/service
COPY --chmod=755 models /app/models
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BENTOML_HOME=/tmp/bentoml \
    BENTOML_DO_NOT_TRACK=true
# By number, which Kubernetes needs to know that it is not root.
USER 10001:10001
EXPOSE 3000
# Not by urllib, which would ask a proxy that the environment names.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 3000, timeout=4); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]
# Without a shell, so that SIGTERM reaches the server, which then ends what it has accepted.
# Load balancers keep idle connections for 60 seconds, and must be the first to close them.
CMD ["bentoml", "serve", "--timeout-graceful-shutdown", "25", "--timeout-keep-alive", "65"]
