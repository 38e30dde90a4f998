#!/bin/sh
# Makes cmd/sallyport/default.pgo anew, from what sallyport does under the loads of bench/compare. It takes about seven
# minutes on a machine that does nothing else; without redis-tools it has no RESP in it, and says so.
set -eu
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
GOFLAGS=-tags=profile SALLYPORT_PROFILE="$dir" go run ./bench/compare -rounds 1 -loads '^(GET|SET|JSON-RPC|Modbus|ISO 8583|own keys)'
find "$dir" -size -200c -delete # of a process that has ended in that second
go tool pprof -proto -output=cmd/sallyport/default.pgo "$dir"/*.pprof
