# The daemon with a private Redis server beside it, as an ordinary user.
FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --profile dist --locked

FROM debian:bookworm-slim
# Roots of trust are for a rediss:// URL.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates redis-server \
    && rm -rf /var/lib/apt/lists/*
# The first user of most machines has this id, too: a data folder mounted from there fits.
ARG UID=1000
RUN useradd --uid "$UID" --home-dir /var/lib/agentpulse agentpulse \
    && install --directory --mode=700 --owner=agentpulse /var/lib/agentpulse
COPY --from=build /src/target/dist/agentpulse /src/target/dist/agentpulse-hook /usr/local/bin/
USER agentpulse
ENV AGENTPULSE_DATA__DIR=/var/lib/agentpulse
VOLUME /var/lib/agentpulse
# Without API keys the daemon listens on loopback only, inside the container too: publishing a
# port reaches nothing. Run it with --network host, or create a key and set
# AGENTPULSE_HTTP__LISTEN=0.0.0.0:4056 and AGENTPULSE_HTTP__ALLOWED_HOSTS.
EXPOSE 4056
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["agentpulse", "status"]
ENTRYPOINT ["agentpulse"]
CMD ["serve"]
