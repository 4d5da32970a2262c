CREATE TABLE workspaces (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL
);

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    label TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    workspace TEXT NOT NULL REFERENCES workspaces (id),
    disabled INTEGER NOT NULL DEFAULT 0
);

-- The whole of a generation, its attempts among it, is JSON in detail; what is searched, summed or grouped is a column too.
-- Times are seconds since the epoch, latency and duration seconds, cost USD.
CREATE TABLE generations (
    id TEXT PRIMARY KEY,
    workspace TEXT NOT NULL,
    api_key TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    operation TEXT NOT NULL,
    requested TEXT NOT NULL,
    model TEXT NOT NULL,
    provider TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    state TEXT NOT NULL,
    cost DOUBLE PRECISION,
    estimated INTEGER NOT NULL,
    is_byok INTEGER NOT NULL,
    latency DOUBLE PRECISION,
    duration DOUBLE PRECISION,
    prompt_tokens BIGINT,
    completion_tokens BIGINT,
    reasoning_tokens BIGINT,
    cached_tokens BIGINT,
    detail TEXT NOT NULL
);

CREATE INDEX generations_by_api_key ON generations (api_key, created);
