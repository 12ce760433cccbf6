#!/bin/sh
# Makes the secrets of docker-compose.yml, once: keys, passwords, and the URLs that contain them.
# Usage: ./compose-secrets.sh [FOLDER], by default ./secrets. Store a copy of master_key, but not with the backups.
set -eu
folder=${1:-secrets}
members=mongo1:27017,mongo2:27017,mongo3:27017

random() { openssl rand -hex 32; }
mongo_url() { printf 'mongodb://%s:%s@%s/?replicaSet=nerve\n' "$1" "$(random)" "$members"; }

# Other users of this machine cannot enter the folder. The containers, whose users are others, get the files.
mkdir -m 700 "$folder"
cd "$folder"
random > mongo_key
mongo_url admin > admin_url
mongo_url nerve > mongo_url
mongo_url maintenance > maintenance_url
redis=$(random)
printf 'requirepass %s\n' "$redis" > redis.conf
printf 'redis://:%s@redis:6379\n' "$redis" > redis_url
random > metrics_token
openssl rand -base64 32 > master_key
chmod 644 ./*
