# The app in a container. The CPU image needs an index of CPU wheels of torch, the CUDA image nothing but PyPI:
#   docker build --build-arg TORCH_INDEX=URL -t neurons2networks .
#   docker build --build-arg VARIANT=cuda -t neurons2networks:cuda .
# docs/docker.md explains the build arguments.
ARG BASE_IMAGE=python:3.11-slim-bookworm

# Everything that is installed goes into one folder, with the tested versions.
FROM ${BASE_IMAGE} AS install
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
# pip stays behind in an environment of its own: the final image installs nothing.
RUN python3 -m venv /opt/installer && python3 -m venv --without-pip /opt/n2n
ARG VARIANT=cpu
ARG TORCH_INDEX
COPY constraints.txt docker/check_torch.py ./
# A pip.conf of the host (another index, a certificate) comes as a secret, so that it stays in no layer.
RUN --mount=type=secret,id=pip,target=/root/.config/pip/pip.conf \
    /opt/installer/bin/pip --python /opt/n2n install -c constraints.txt torch \
        ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} \
    && /opt/n2n/bin/python check_torch.py "$VARIANT"
# Requirements before the source: a change of the source installs them not again.
COPY pyproject.toml setup.cfg README.md ./
COPY bids_app/__init__.py bids_app/
RUN --mount=type=secret,id=pip,target=/root/.config/pip/pip.conf \
    /opt/installer/bin/pip --python /opt/n2n install -c constraints.txt .
COPY bids_app bids_app
RUN --mount=type=secret,id=pip,target=/root/.config/pip/pip.conf \
    /opt/installer/bin/pip --python /opt/n2n install --no-deps --force-reinstall .

# Templates and the default atlases, for nodes without network.
FROM install AS resources
ARG FETCH=yes
RUN mkdir -p /opt/neurons2networks \
    && if [ "$FETCH" = yes ]; then \
        /opt/n2n/bin/n2n fetch --atlas yeo7 --space fsaverage5 fsaverage6 --to /opt/neurons2networks; \
    fi

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="neurons2networks" \
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
