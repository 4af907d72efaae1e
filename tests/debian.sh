#!/usr/bin/env bash
# Installs from Debian what `make test-all` needs and the machine does not have. Run as root; elsewhere it says what is missing.
set -euo pipefail
declare -A needs=([chromium]=chromium [fc-match]=fontconfig)
missing=()
for program in "${!needs[@]}"; do command -v "$program" >/dev/null || missing+=("${needs[$program]}"); done
fc-list :lang=zh 2>/dev/null | grep -q . || missing+=(fonts-noto-cjk)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
  echo "please install: ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
