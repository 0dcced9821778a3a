#!/usr/bin/env bash
# Makes the secrets that the overlays want, into a new folder, one folder a Secret: keys,
# passwords, an authority and its certificates, and an API key for everything, which stays
# outside of them in admin.token.
#
#   secrets.sh DIR               make them; keep DIR, and show it to nobody
#   secrets.sh DIR apply split   and give the cluster those of an overlay, split or single
#   secrets.sh DIR renew         make new certificates before the year of those is over, of the
#                                same authority, for the same names; apply them after it
#
# SAN names more names for all certificates, such as DNS:api.example,IP:192.0.2.1. It needs
# OpenSSL 3.
set -eu -o pipefail
umask 077

hex() { od -An -v -tx1 | tr -d ' \n'; }

# names HOST... prints the names of Services as a certificate has them.
names() {
  local all='' host
  for host; do
    all+=DNS:$host,DNS:$host.concentric,DNS:$host.concentric.svc,DNS:$host.concentric.svc.cluster.local,
  done
  printf %s "${all%,}"
}

# certificate NAME NAMES makes a certificate and its key for the names, in place of those there
# are.
certificate() {
  local into=$1-tls new=$1-tls.new
  rm -rf "$new"
  mkdir "$new"
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$new/tls.key"
  openssl req -x509 -key "$new/tls.key" -out "$new/tls.crt" -CA ca.crt -CAkey ca.key -days 365 \
    -subj "/CN=$1" -addext "subjectAltName=$2${SAN:+,$SAN}" -addext basicConstraints=critical,CA:FALSE \
    -addext keyUsage=critical,digitalSignature -addext extendedKeyUsage=serverAuth,clientAuth
  cp ca.crt "$new/ca.crt"
  rm -rf "$into"
  mv "$new" "$into"
}

# role NAME makes a password of a PostgreSQL role, for the operator and for us.
role() {
  local into=concentric-role-$1
  mkdir "$into"
  printf concentric_%s "$1" > "$into/username"
  openssl rand -hex 32 | tr -d '\n' > "$into/password"
  printf '*:*:*:%s:%s\n' "$(cat "$into/username")" "$(cat "$into/password")" > "$into/pgpass"
}

make() {
  mkdir "$1"
  cd "$1"
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ca.key
  openssl req -x509 -key ca.key -out ca.crt -days 3650 -subj /CN=concentric -addext keyUsage=critical,keyCertSign
  for service in ticket survey journey gateway suite; do certificate "$service" "$(names "$service")"; done
  certificate nats "$(names nats nats-0.nats nats-1.nats nats-2.nats)"
  role owner
  role app
  mkdir concentric-keys concentric-callers
  for key in token identity secret; do openssl rand -hex 32 > concentric-keys/$key.key; done
  openssl genpkey -algorithm ed25519 -out pass.pem
  openssl pkey -in pass.pem -outform DER | tail -c 32 | hex > concentric-keys/pass.key
  openssl pkey -in pass.pem -pubout -outform DER | tail -c 32 | hex > concentric-callers/pass.pub
  rm pass.pem
  openssl rand -hex 32 | tr -d '\n' > admin.token
  printf '%s * *\n' "$(openssl dgst -sha256 -r < admin.token | cut -c 1-64)" > concentric-callers/keys
}

renew() {
  cd "$1"
  local service had
  for service in ticket survey journey gateway suite nats; do
    had=$(openssl x509 -in "$service-tls/tls.crt" -noout -ext subjectAltName | sed '1d; s/^ *//; s/IP Address:/IP:/g; s/, /,/g')
    certificate "$service" "$had"
  done
}

apply() {
  cd "$1"
  local secrets=(suite-tls concentric-callers concentric-keys) secret type
  if [ "$2" = split ]; then
    secrets=({ticket,survey,journey,gateway,nats}-tls concentric-callers concentric-keys concentric-role-{owner,app})
  fi
  for secret in "${secrets[@]}"; do
    case $secret in
    *-tls) type=kubernetes.io/tls ;;
    *-role-*) type=kubernetes.io/basic-auth ;;
    *) type=Opaque ;;
    esac
    kubectl create secret generic "$secret" --namespace "concentric" --type "$type" --from-file "$secret" --dry-run=client -o yaml | kubectl apply -f -
  done
}

case $#:${2:-}:${3:-} in
1::) make "$1" ;;
2:renew:) renew "$1" ;;
3:apply:split | 3:apply:single) apply "$1" "$3" ;;
*) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
