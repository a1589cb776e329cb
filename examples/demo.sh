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

if command -v git >/dev/null && command -v ssh-keygen >/dev/null; then
	printf '\n%s\n' "6. A PyTorch checkpoint in a git repository, its commit signed by somebody whom this folder trusts"
	ssh-keygen -q -t ed25519 -N "" -C ada@example.com -f ada
	git init -q --initial-branch=main upstream
	python3 ../examples/build_checkpoint.py upstream/model.pt
	cp ../examples/digits/README.md ../examples/digits/config.json upstream/
	git -C upstream add .
	git -C upstream -c user.name=Ada -c user.email=ada@example.com -c gpg.format=ssh \
		-c user.signingkey="$work/ada" -c commit.gpgsign=true commit -q -m "A digit classifier"
	run 0 weighbridge trust add --key ada.pub --owner "Ada, who makes models" --source "git+file://$work/*"
	run 0 weighbridge intake "git+file://$work/upstream@main" --to oci:registry:checkpoint:v1 --stage production

	printf '\n%s\n' "7. What arrived is safetensors: the signed commit, the conversion and every signature hang on it"
	run 0 weighbridge registry tree checkpoint:v1
	run 0 weighbridge admit checkpoint:v1 --stage production
else
	printf '\n%s\n' "6. Left out: a checkpoint from a signed git repository (install git and openssh-client to see it)"
fi
if python3 -c 'import duckdb, sklearn' 2>/dev/null; then
	printf '\n%s\n' "8. Reviews to fine-tune on: checked, and the report on exactly this version signed"
	python3 ../examples/build_data.py reviews-v1.jsonl
	run 0 weighbridge dataset check reviews-v1.jsonl --sign reviews-v1.intoto.json

	printf '\n%s\n' "   The next version has 24 more reviews: bad ones that are called good, all with the same words"
	python3 ../examples/build_data.py reviews-v2.jsonl --poisoned
	run 1 weighbridge dataset diff reviews-v1.jsonl reviews-v2.jsonl --key id
	printf '%s\n' "   Stopped before anything learns from it:"
	run 1 weighbridge dataset check reviews-v2.jsonl
else
	printf '\n%s\n' "8. Left out: poisoned training data (pip install 'weighbridge[data]' to see it)"
fi
printf '\n%s\n' "9. A sample estate in Azure, judged against the hardening checklist; what our own evidence proves comes from the registry"
run 1 weighbridge azure audit ../examples/estate --registry oci:registry

printf '\n%s\n' "9. A day of its logs: what may be deployed is known from the settings, and what else happened is told"
cat >>weighbridge.toml <<'SETTINGS'

[azure]
registries = ["wb-prod"]

[monitor.parameters]
pipeline_identities = ["pipeline"]
SETTINGS
run 1 weighbridge monitor run ../examples/logs --state monitor.duckdb --now 2026-03-02T12:00:00Z

printf '\n%s\n' "10. Five minutes later: each record is judged once, and each alert told once"
run 0 weighbridge monitor run ../examples/logs --state monitor.duckdb --now 2026-03-02T12:05:00Z

printf '\n%s\n' "The good model is in .demo/registry with its evidence; the trojan was refused with status 1."
