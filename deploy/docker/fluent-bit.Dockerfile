# Fluent Bit's own image with Trunkline's two plugins in it, one layer more.
#
#   docker build -f deploy/docker/fluent-bit.Dockerfile -t fluent-bit-trunkline .
#
# The plugins need the C library of the machine that built them or a newer one: Fluent Bit's image from v4 on has Debian 12's, so they are
# built on that.
ARG FLUENT_BIT=5.1.1

FROM docker.io/library/rust:1.95-slim-bookworm AS plugins
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev make && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN make plugins

FROM docker.io/fluent/fluent-bit:${FLUENT_BIT}
COPY --from=plugins /src/target/release/trunkline_in.so /src/target/release/trunkline_out.so /fluent-bit/trunkline/
COPY deploy/fluent-bit/plugins.conf /fluent-bit/etc/trunkline-plugins.conf
