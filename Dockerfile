# Crosswake on a CPU:  docker build -t crosswake .
#   docker run --rm -v "$PWD:/data" crosswake simulate ships --identities 60
# PyTorch's index of CPU packages, given as --build-arg PIP_EXTRA_INDEX_URL=..., saves gigabytes.
FROM python:3.11-slim

ARG PIP_EXTRA_INDEX_URL
RUN apt-get update && apt-get install --yes --no-install-recommends libexpat1 \
    && rm -rf /var/lib/apt/lists/* && useradd --create-home --uid 1000 crosswake
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src ./src
RUN pip install --no-cache-dir --constraint constraints.txt ".[export]"

USER crosswake
WORKDIR /data
ENTRYPOINT ["crosswake"]
CMD ["--help"]
