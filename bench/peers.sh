#!/usr/bin/env bash
#
# Installs what sallyport is compared with (Debian and its kin), and shows the versions.
#
#   bench/peers.sh && go run ./bench/tunnel

set -euo pipefail

main() {
  local missing=()
  installed haproxy || missing+=(haproxy)
  installed nginx || missing+=(nginx)
  installed nutcracker || missing+=(nutcracker)
  installed redis-server || missing+=(redis-server)
  installed redis-benchmark || missing+=(redis-tools)
  [[ -e /usr/lib/nginx/modules/ngx_stream_module.so ]] || missing+=(libnginx-mod-stream)
  if [[ ${#missing[@]} -gt 0 ]]; then
    install "${missing[@]}"
  fi
  PATH=$PATH:/usr/sbin
  haproxy -v | head -n 1
  nginx -v
  nutcracker -V
  redis-server --version
}

# Daemons may be outside of a user's path.
installed() { command -v "$1" >/dev/null || [[ -x /usr/sbin/$1 ]]; }

# install adds packages. Those that came just now are not left running as services: the
# benchmark starts its own. What was there before is left as it is.
install() {
  if ! command -v apt-get >/dev/null || [[ $(id -u) -ne 0 ]]; then
    echo "missing: $*. They can be installed by root where there is apt-get: apt-get install $*" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq "$@"
  local service
  for service in "$@"; do
    [[ $service != libnginx-mod-stream && $service != redis-tools ]] || continue
    if [[ -d /run/systemd/system ]]; then
      systemctl disable --now "$service"
    else
      service "$service" stop
    fi
  done
}

main "$@"
