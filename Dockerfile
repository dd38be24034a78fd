# One image for every role: the command in docker-compose.yml says which.
FROM node:24-slim AS page
WORKDIR /page
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY frontend/ ./
RUN npm run build

FROM python:3.12-slim
# A CUDA build of torch: docker build --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu126
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /app
COPY requirements.lock pyproject.toml README.md alembic.ini ./
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" "$(grep '^torch==' requirements.lock)" \
 && pip install --no-cache-dir -r requirements.lock "s3fs"
COPY engine/ engine/
COPY backend/ backend/
COPY migrations/ migrations/
COPY --from=page /page/dist frontend/dist
RUN pip install --no-cache-dir --no-deps --editable . && useradd --create-home --uid 1000 maskloom \
 && mkdir /data && chown maskloom /data
USER maskloom
ENV MASKLOOM_HOME=/data
EXPOSE 8000
