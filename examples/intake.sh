#!/bin/sh
# Take a folder of yours through both gates, in a registry of its own under .demo.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
model=$(CDPATH='' cd -- "$1" && pwd)
mkdir -p "$here/.demo"
cd "$here/.demo"
[ -f weighbridge.toml ] || weighbridge init
weighbridge intake "$model" --to oci:registry:mine:latest --replace
weighbridge admit mine:latest --stage production
weighbridge registry tree mine:latest
