# The images of digits. docs/container.md says what is in them and why.
#
# Any base will do that has Python 3.11 with venv and pip: it builds, and what the service needs of it is copied out. WEB has
# npm: it fetches what the page needs to run a model in the browser.
ARG BASE=python:3.11-slim-bookworm
ARG WEB=node:22-bookworm-slim

# Where the network has a certificate authority of its own, its bundle comes as the secret `ca`, and pip's and npm's
# configuration as the secrets `pip` and `npm`. None stays in a layer.
FROM ${WEB} AS web
COPY web /src/web
RUN --mount=type=secret,id=ca,required=false --mount=type=secret,id=npm,required=false \
    mkdir -p /src/serving/page && cd /src/web && if [ -f /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi \
    && NPM_CONFIG_USERCONFIG=/run/secrets/npm npm ci && npm run --silent place

FROM ${BASE} AS builder
COPY container/install.py /src/
RUN python3 -m venv --without-pip /opt/digits

FROM builder AS libraries
COPY requirements/container.txt /src/
RUN --mount=type=secret,id=ca,required=false --mount=type=secret,id=pip,required=false \
    python3 /src/install.py /opt/digits --require-hashes -r /src/container.txt

# digits itself, and its models: a layer of its own, so that a new version or model is fetched without its libraries.
FROM builder AS digits
COPY requirements/container-build.txt /src/
RUN --mount=type=secret,id=ca,required=false --mount=type=secret,id=pip,required=false \
    python3 -m venv --without-pip /opt/build && python3 /src/install.py /opt/build --require-hashes -r /src/container-build.txt
COPY . /src/digits/
COPY --from=web /src/serving/page/runtime /src/digits/serving/page/runtime
RUN cd /src/digits && SOURCE_DATE_EPOCH=315532800 /opt/build/bin/python -m hatchling build -t wheel -d /src/wheel \
    && python3 /src/install.py /opt/digits --no-deps --no-index --root /added /src/wheel/*.whl

# What of the base the interpreter and the libraries need, and no more: no shell, no package manager.
FROM libraries AS system
COPY container/root.py /src/
RUN python3 /src/root.py /opt/digits /system

FROM libraries AS papers
COPY --from=system /system /system
COPY --from=digits /added /
COPY container/papers.py /src/
RUN python3 /src/papers.py /opt/digits /system /papers

FROM scratch AS locked
COPY --from=system /system /
ENV PATH=/opt/digits/bin LANG=C.UTF-8 HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 BENTOML_DO_NOT_TRACK=True
# So that large bodies do not fill 512 MiB of one worker: what is held costs 2.5 times its bytes.
ENV DIGITS_MAX_HELD_BYTES=67108864
USER 10001:10001
WORKDIR /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from http.client import HTTPConnection as To; to = To('127.0.0.1', 3000, timeout=2); \
to.request('GET', '/readyz'); raise SystemExit(to.getresponse().status != 200)"]
ENTRYPOINT ["digits"]
CMD ["serve", "--host", "0.0.0.0"]
LABEL org.opencontainers.image.title="digits" \
      org.opencontainers.image.description="Reads handwritten digits, over HTTP and over folders" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"

FROM locked AS service
COPY --from=libraries /opt/digits /opt/digits
COPY --from=digits /added /
COPY --from=papers /papers /
ARG REVISION=unknown
LABEL org.opencontainers.image.revision="${REVISION}"

# The same with ONNX Runtime for CUDA: `--target gpu`.
FROM builder AS libraries-gpu
COPY requirements/container-gpu.txt /src/
RUN --mount=type=secret,id=ca,required=false --mount=type=secret,id=pip,required=false \
    python3 /src/install.py /opt/digits --require-hashes -r /src/container-gpu.txt

FROM libraries-gpu AS papers-gpu
COPY --from=system /system /system
COPY --from=digits /added /
COPY container/papers.py /src/
RUN python3 /src/papers.py /opt/digits /system /papers

FROM locked AS gpu
COPY --from=libraries-gpu /opt/digits /opt/digits
COPY --from=digits /added /
COPY --from=papers-gpu /papers /
ARG REVISION=unknown
LABEL org.opencontainers.image.revision="${REVISION}"

# Training: `--target train`. No service, and so with all of its base, a shell too.
FROM builder AS train
COPY requirements/container-train.txt /src/
RUN --mount=type=secret,id=ca,required=false --mount=type=secret,id=pip,required=false \
    python3 /src/install.py /opt/digits --require-hashes -r /src/container-train.txt
COPY --from=digits /added /
ENV PATH=/opt/digits/bin:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 HOME=/tmp PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
ENTRYPOINT ["digits-train"]

FROM service
