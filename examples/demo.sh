#!/bin/sh
# The two gates on two models: a good one is admitted with its evidence, a trojan is refused.
# Each command is printed before it runs; the demo fails if one of them ends in another status than it should.
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
work=$here/.demo
rm -rf "$work"
mkdir -p "$work"
cd "$work" || exit 2

run() {
	wanted=$1
	shift
	printf '\n$ %s\n' "$*"
	"$@"
	status=$?
	if [ "$status" -ne "$wanted" ]; then
		echo "demo: status $status, but it should have been $wanted" >&2
		exit 1
	fi
}

printf '%s\n' "1. Settings and a signing key for this folder"
run 0 weighbridge init

printf '\n%s\n' "2. A model that was really trained: inspected, signed, stored with its evidence"
run 0 weighbridge intake ../examples/digits --to oci:registry:digits:v1 --stage production

printf '\n%s\n' "3. The second gate decides from the stored evidence alone"
run 0 weighbridge admit digits:v1 --stage production
run 0 weighbridge registry tree digits:v1

printf '\n%s\n' "4. A trojan: a callback in config.json would list the Key Vault on load"
run 1 weighbridge intake ../examples/trojan --to oci:registry:trojan:v1 --stage production

printf '\n%s\n' "5. Nothing of it is in the registry"
run 2 weighbridge admit trojan:v1 --stage production

printf '\n%s\n' "6. A sample estate in Azure, judged against the hardening checklist; what our own evidence proves comes from the registry"
run 1 weighbridge azure audit ../examples/estate --registry oci:registry

printf '\n%s\n' "The good model is in .demo/registry with its evidence; the trojan was refused with status 1."
