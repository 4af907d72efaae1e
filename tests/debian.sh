#!/usr/bin/env bash
# Installs from Debian what `make test-all` needs and the machine does not have. Run as root; elsewhere it says what is missing.
set -euo pipefail
declare -A needs=([chromium]=chromium [fc-match]=fontconfig [mariadbd]=mariadb-server [sshd]=openssh-server [nginx]=nginx-light [apache2]=apache2)
missing=()
for program in "${!needs[@]}"; do PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null || missing+=("${needs[$program]}"); done
fc-list :lang=zh 2>/dev/null | grep -q . || missing+=(fonts-noto-cjk)
compgen -G "/usr/lib/postgresql/*/bin/postgres" >/dev/null || missing+=(postgresql)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
  echo "please install: ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# The tests start servers of their own: no service is started by the installation. What the machine says about that already stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
