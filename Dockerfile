# The HTTP API of semrec, for compose.yaml:
#   docker build --tag semrec .
# By default, torch comes from PyPI. The site of PyTorch ("Get started") names other indexes: for a CPU build, which is
# much smaller, or for a CUDA version:
#   docker build --tag semrec --build-arg TORCH_INDEX_URL=… .
ARG PYTHON=3.11
FROM python:${PYTHON}-slim AS build

ARG TORCH=torch==2.13.0
ARG TORCH_INDEX_URL=
WORKDIR /src
RUN python -m venv /opt/semrec
# A layer of its own, before the others: it is the largest one and changes least.
RUN /opt/semrec/bin/pip install --no-cache-dir ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL"} "$TORCH"
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY semrec semrec
RUN sed -i '/^torch==/d' constraints.txt \
    && /opt/semrec/bin/pip install --no-cache-dir --constraint constraints.txt '.[service,postgres]'

FROM python:${PYTHON}-slim
RUN useradd --create-home --uid 1000 semrec && install --directory --owner=semrec /shop
COPY --from=build /opt/semrec /opt/semrec
ENV PATH=/opt/semrec/bin:$PATH PYTHONUNBUFFERED=1
USER semrec
VOLUME /shop
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD \
    ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
ENTRYPOINT ["semrec"]
CMD ["serve", "--workspace", "/shop", "--host", "0.0.0.0", "--port", "8000"]
