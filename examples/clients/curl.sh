#!/bin/sh
# Taxiway by curl: models, chat, a stream, embeddings, and who the key is.
#
#     TAXIWAY_API_KEY=tw-v1-... sh examples/clients/curl.sh [MODEL [EMBEDDING_MODEL]]
set -eu
base=${TAXIWAY_BASE_URL:-http://127.0.0.1:8787/api/v1}
model=${1:-simulator/echo}
embedding_model=${2:-simulator/embed}

ask() {
    path=$1
    shift
    curl --silent --show-error --fail-with-body --no-buffer "$base$path" -H "Authorization: Bearer $TAXIWAY_API_KEY" "$@"
    echo
}
post() { ask "$1" -H "Content-Type: application/json" -d "$2"; }

ask /models
post /chat/completions '{"model": "'"$model"'", "messages": [{"role": "user", "content": "Hello"}]}'
post /chat/completions '{"model": "'"$model"'", "stream": true, "messages": [{"role": "user", "content": "Hello"}]}'
post /embeddings '{"model": "'"$embedding_model"'", "input": "runway"}'
ask /key
