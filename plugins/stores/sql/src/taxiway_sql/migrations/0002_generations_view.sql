-- Generated columns, virtual ones too, are worked out for every row that is inserted. Those of a view are when somebody reads them.
CREATE TABLE generation_rows (
    id TEXT PRIMARY KEY,
    workspace TEXT NOT NULL,
    api_key TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    cost DOUBLE PRECISION,
    detail TEXT NOT NULL
);

INSERT INTO generation_rows SELECT id, workspace, api_key, created, cost, detail FROM generations;

DROP TABLE generations;

CREATE INDEX generation_rows_by_api_key ON generation_rows (api_key, created);

CREATE VIEW generations AS
SELECT
    id, workspace, api_key, created, cost, detail,
    json_extract(detail, '$[1][1]') AS state,
    json_extract(detail, '$[1][4]') AS operation,
    json_extract(detail, '$[1][6]') AS requested,
    json_extract(detail, '$[1][9]') AS model,
    json_extract(detail, '$[1][10]') AS provider,
    json_extract(detail, '$[1][11]') AS endpoint,
    json_extract(detail, '$[1][13]') AS is_byok,
    json_extract(detail, '$[1][14]') AS estimated,
    json_extract(detail, '$[1][15]') AS latency,
    json_extract(detail, '$[1][16]') AS duration
FROM generation_rows;
