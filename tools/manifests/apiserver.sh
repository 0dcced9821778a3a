#!/usr/bin/env bash
# Applies the overlays to a real API server, on this machine: what its validation and the pod
# security standard refuse or warn of ends it with 1. It takes etcd (apt-get install
# etcd-server) and kubectl, and builds kube-apiserver from its module, which takes two cores
# some ten minutes the first time and gigabytes of caches. Nothing of it is in CI.
#
#   tools/manifests/apiserver.sh [DIR]    keeps what it builds in DIR, ./.tools/kubernetes if empty
set -eu -o pipefail
cd "$(dirname "$0")/../.."
root=$PWD
tools=${1:-$root/.tools/kubernetes}
version=1.36.3
export GOWORK=off

for program in etcd kubectl openssl; do
  command -v $program > /dev/null || { echo "there is no $program" >&2 && exit 2; }
done

# build makes the server with the libraries that are released with it.
build() {
  mkdir -p "$tools" && cd "$tools"
  printf 'module apiserver\n\ngo 1.26.0\n' > go.mod
  local source
  source=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
  printf '\nrequire k8s.io/kubernetes v%s\n\n' "$version" >> go.mod
  sed -n "s,^[[:space:]]*\(k8s.io/[a-z-]*\) => ./staging/.*,replace \1 => \1 v0.${version#1.},p" "$source/go.mod" >> go.mod
  cat > tools.go << 'END'
//go:build tools

package tools

import _ "k8s.io/kubernetes/cmd/kube-apiserver"
END
  cp "$source/go.sum" go.sum
  go build -mod=mod -o . k8s.io/kubernetes/cmd/kube-apiserver
  cd "$root"
}
[ -x "$tools/kube-apiserver" ] || build

work=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null; wait; rm -rf "$work"' EXIT
etcd --data-dir "$work/etcd" --unsafe-no-fsync --listen-client-urls http://127.0.0.1:23790 --advertise-client-urls http://127.0.0.1:23790 \
  --listen-peer-urls http://127.0.0.1:23800 > "$work/etcd.log" 2>&1 &
openssl genrsa -out "$work/sa.key" 2048 2> /dev/null
openssl rsa -in "$work/sa.key" -pubout -out "$work/sa.pub" 2> /dev/null
token=$(openssl rand -hex 16)
(umask 077 && echo "$token,admin,admin,system:masters" > "$work/tokens.csv")
"$tools/kube-apiserver" --etcd-servers http://127.0.0.1:23790 --bind-address 127.0.0.1 --advertise-address 127.0.0.1 --secure-port 16443 \
  --cert-dir "$work/certs" --service-account-key-file "$work/sa.pub" --service-account-signing-key-file "$work/sa.key" \
  --service-account-issuer https://kubernetes.default.svc --service-cluster-ip-range 10.0.0.0/24 --token-auth-file "$work/tokens.csv" \
  --authorization-mode RBAC --disable-admission-plugins ServiceAccount > "$work/apiserver.log" 2>&1 &
kubectl() {
  command kubectl --server https://127.0.0.1:16443 --token "$token" --certificate-authority "$work/certs/apiserver.crt" --tls-server-name 127.0.0.1 "$@"
}
for _ in $(seq 120); do
  [ -e "$work/certs/apiserver.crt" ] && kubectl get --raw /readyz > /dev/null 2>&1 && break
  sleep 1
done
kubectl get --raw /readyz > /dev/null || { tail "$work/apiserver.log" >&2 && exit 1; }

for overlay in single split; do
  # The server does not know the kinds of operators.
  go -C tools/manifests run . "$root/deploy/kubernetes/overlays/$overlay" |
    awk 'BEGIN { RS = ORS = "---\n" } !/^apiVersion: postgresql.cnpg.io/' > "$work/$overlay.yaml"
  kubectl apply --server-side -f "$work/$overlay.yaml" 2> "$work/said" || { cat "$work/said" >&2 && exit 1; }
  ! grep . "$work/said" >&2 || exit 1
done

# That it would refuse what is wrong is worth a look.
sed 's/minReplicas: 2/minReplicas: -2/' "$work/split.yaml" > "$work/wrong.yaml"
! kubectl apply --server-side --dry-run=server -f "$work/wrong.yaml" > /dev/null 2>&1 || { echo 'the server takes anything' >&2 && exit 1; }
# So does the namespace, what is not restricted.
! kubectl run wrong --namespace concentric --image wrong > /dev/null 2>&1 || { echo 'the namespace takes any pod' >&2 && exit 1; }
echo 'the API server takes both overlays'
