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

-- The whole of a generation is in detail, as the spool wrote it (taxiway.records): [2, columns, usage, [[attempt, usage], ...]].
-- What requests search and sum are columns of their own; the virtual ones cost nothing until somebody reads them.
-- Times are seconds since the epoch, latency and duration seconds, cost USD.
CREATE TABLE generations (
    id TEXT PRIMARY KEY,
    workspace TEXT NOT NULL,
    api_key TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    cost DOUBLE PRECISION,
    detail TEXT NOT NULL,
    state TEXT GENERATED ALWAYS AS (json_extract(detail, '$[1][1]')) VIRTUAL,
    operation TEXT GENERATED ALWAYS AS (json_extract(detail, '$[1][4]')) VIRTUAL,
    requested TEXT GENERATED ALWAYS AS (json_extract(detail, '$[1][6]')) VIRTUAL,
    model TEXT GENERATED ALWAYS AS (json_extract(detail, '$[1][9]')) VIRTUAL,
    provider TEXT GENERATED ALWAYS AS (json_extract(detail, '$[1][10]')) VIRTUAL,
    endpoint TEXT GENERATED ALWAYS AS (json_extract(detail, '$[1][11]')) VIRTUAL,
    is_byok INTEGER GENERATED ALWAYS AS (json_extract(detail, '$[1][13]')) VIRTUAL,
    estimated INTEGER GENERATED ALWAYS AS (json_extract(detail, '$[1][14]')) VIRTUAL,
    latency DOUBLE PRECISION GENERATED ALWAYS AS (json_extract(detail, '$[1][15]')) VIRTUAL,
    duration DOUBLE PRECISION GENERATED ALWAYS AS (json_extract(detail, '$[1][16]')) VIRTUAL
);

CREATE INDEX generations_by_api_key ON generations (api_key, created);
