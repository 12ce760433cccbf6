FROM node:22-slim AS console
WORKDIR /src/web
COPY api/console/web/package.json api/console/web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY api/console/web ./
RUN npm run build

FROM python:3.11-slim
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY domain domain
COPY eventstore eventstore
COPY subscriptions subscriptions
COPY projections projections
COPY api api
COPY --from=console /src/static api/console/static
RUN pip install --no-cache-dir --constraint constraints.txt '.[tracing]' && useradd --create-home nerve
USER nerve
WORKDIR /home/nerve
EXPOSE 8321
CMD ["nerve", "serve"]
