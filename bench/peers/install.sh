#!/usr/bin/env bash
# Installs on Debian 12 what the peers need that Go does not bring: PostgreSQL 15, Redis 7, GNU parallel and xargs.
# What is there already stays as it is. None of them needs to run as a service: the benchmark starts its own.
set -euo pipefail
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends --no-upgrade \
	postgresql-15 redis-server parallel findutils
