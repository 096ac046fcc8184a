# One image per role: docker build --target query -t thanos-query .
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY . .
RUN scripts/setup build \
 && cmake --preset release -DTHANOS_TESTS=OFF \
 && cmake --build --preset release --target thanos \
 && strip build/release/bin/thanos

FROM debian:bookworm-slim AS base
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libgrpc++1.51 libprotobuf32 libre2-9 \
      libboost-program-options1.81.0 libcurl4 libssl3 libzstd1 libsnappy1v5 zlib1g libyaml-cpp0.7 \
      libprometheus-cpp-core1.0 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --home-dir /var/lib/thanos --create-home thanos
COPY --from=build /src/build/release/bin/thanos /usr/local/bin/thanos
USER thanos
WORKDIR /var/lib/thanos
EXPOSE 10901 10902

FROM base AS sidecar
ENTRYPOINT ["/usr/local/bin/thanos", "sidecar"]

FROM base AS store
ENTRYPOINT ["/usr/local/bin/thanos", "store"]

FROM base AS query
ENTRYPOINT ["/usr/local/bin/thanos", "query"]

FROM base AS compact
ENTRYPOINT ["/usr/local/bin/thanos", "compact"]
