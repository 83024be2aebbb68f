# The image of engram-sync: nothing but the program, the certificates of public authorities and a home
# that any user may write to. `docker build -t engram-sync .` needs nothing but this clone; a release puts
# the binaries that it has built already into the same image (target `released`, .goreleaser.yaml).

FROM --platform=$BUILDPLATFORM golang:1.26.8-bookworm AS go
RUN install -d -m 1777 /skeleton/tmp /skeleton/home

FROM go AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
	go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/engram-sync ./cmd/engram-sync

FROM scratch AS image
COPY --from=go /skeleton/ /
COPY --from=go /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY LICENSE NOTICE /usr/share/doc/engram-sync/
ENV HOME=/home
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["/usr/bin/engram-sync"]

FROM image AS released
ARG TARGETPLATFORM
COPY $TARGETPLATFORM/engram-sync /usr/bin/

FROM image
COPY --from=build /out/engram-sync /usr/bin/
