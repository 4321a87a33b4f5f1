# The app in a container, with torch from PyPI, or a smaller image with an index of CPU wheels of torch:
#   docker build -t neurons2networks .
#   docker build --build-arg TORCH_INDEX=URL -t neurons2networks:cpu .
# docs/docker.md explains the build arguments.
ARG BASE_IMAGE=python:3.11-slim-bookworm

# Everything that is installed goes into one folder, with the tested versions.
FROM ${BASE_IMAGE} AS install
WORKDIR /source
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    PIP_CONSTRAINT=/source/constraints.txt PIP_BUILD_CONSTRAINT=/source/constraints.txt
# pip stays behind in an environment of its own: the final image installs nothing.
RUN python3 -m venv /opt/installer && python3 -m venv --without-pip /opt/n2n
ARG TORCH_INDEX
# Whoever names an index wants its CPU build; without one any build of torch will do.
ARG VARIANT=${TORCH_INDEX:+cpu}
COPY constraints.txt docker/check_torch.py ./
# torch brings its C++ tests and headers, 200 MB that nothing here uses.
# A pip.conf of the host (another index, a certificate) comes as a secret, so that it stays in no layer.
RUN --mount=type=secret,id=pip,target=/root/.config/pip/pip.conf \
    /opt/installer/bin/pip --python /opt/n2n install torch \
        ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} \
    && /opt/n2n/bin/python -W ignore check_torch.py "$VARIANT" \
    && cd /opt/n2n/lib/python3.*/site-packages/torch \
    && rm -rf test include bin/*[Tt]est* bin/protoc*
# Requirements before the source: a change of the source installs them not again.
COPY pyproject.toml LICENSE THIRD-PARTY-NOTICES.md README.md ./
COPY bids_app/__init__.py bids_app/
RUN --mount=type=secret,id=pip,target=/root/.config/pip/pip.conf \
    /opt/installer/bin/pip --python /opt/n2n install '.[dask,futures]'
COPY bids_app bids_app
RUN --mount=type=secret,id=pip,target=/root/.config/pip/pip.conf \
    /opt/installer/bin/pip --python /opt/n2n install --no-deps --force-reinstall .

# The atlases that a run takes by default in each space, for nodes without network.
FROM install AS resources
ARG FETCH=yes
RUN mkdir -p /opt/neurons2networks \
    && if [ "$FETCH" = yes ]; then \
        /opt/n2n/bin/n2n fetch --to /opt/neurons2networks \
            --space fsaverage5 fsaverage6 fsaverage MNI152NLin6Asym MNI152NLin2009cAsym \
        || { echo "Atlases cannot be fetched here. To build without them: --build-arg FETCH=no" >&2; exit 1; }; \
    fi

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="neurons2networks" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.description="BIDS-App that links groups of a language model's neurons to functional brain networks" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=install /opt/n2n /opt/n2n
COPY --from=resources /opt/neurons2networks /opt/neurons2networks
# Nothing is written outside of what is mounted: no bytecode, no packages of the user's home that Apptainer shows.
ENV PATH=/opt/n2n/bin:$PATH \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONNOUSERSITE=1 \
    MPLBACKEND=Agg \
    N2N_HOME=/opt/neurons2networks \
    N2N_CONTAINER_TAG=neurons2networks:${VERSION}
ENTRYPOINT ["neurons2networks"]
