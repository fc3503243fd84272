# syntax=docker/dockerfile:1
# The one-file program on a base without shell or package manager. Needs BuildKit (the default) and the npm registry.
FROM node:20.20.2-bookworm AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
# Unpacked here, by root: at run time nothing executable is written, and the service's user cannot change what it runs.
RUN npm run package \
 && install -D -m 0755 "dist/stateset-sequencer-linux-$(node -p process.arch)" /image/bin/stateset-sequencer \
 && STATESET_SEQUENCER_CACHE_DIR=/image/lib/stateset-sequencer /image/bin/stateset-sequencer --unpack \
 && chmod -R a+rX /image \
 && mkdir /image/data

# glibc, libstdc++ and libgcc, and nothing else.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build --chown=0:0 /image/bin /usr/local/bin
COPY --from=build --chown=0:0 /image/lib /usr/local/lib
COPY --from=build --chown=65532:65532 --chmod=0700 /image/data /data
ENV STATESET_SEQUENCER_CACHE_DIR=/usr/local/lib/stateset-sequencer \
    DATA_DIR=/data \
    LOG_FORMAT=json \
    NODE_OPTIONS="--max-semi-space-size=4 --v8-pool-size=1"
# So that commands find ./data.
WORKDIR /
USER 65532:65532
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=6s --start-period=60s CMD ["stateset-sequencer", "health"]
ENTRYPOINT ["/usr/local/bin/stateset-sequencer"]
