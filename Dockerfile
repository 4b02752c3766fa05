# One small image for every stage and for the commands: `watchword serve STAGE`, `watchword init`, `watchword apply`.
FROM python:3.13-slim AS build
RUN pip install --no-cache-dir uv
WORKDIR /build
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY services services
COPY shared shared
COPY watchword watchword
COPY checks checks
RUN uv venv /opt/watchword \
    && VIRTUAL_ENV=/opt/watchword uv pip install --no-cache --compile-bytecode --require-hashes -r requirements.lock \
    && VIRTUAL_ENV=/opt/watchword uv pip install --no-cache --compile-bytecode --no-deps .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home watchword
COPY --from=build /opt/watchword /opt/watchword
ENV PATH=/opt/watchword/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    WATCHWORD_LOG_FORMAT=json \
    WATCHWORD_HTTP_HOST=0.0.0.0 \
    WATCHWORD_HTTP_PORT=8080
USER watchword
ENTRYPOINT ["watchword"]
CMD ["--help"]
