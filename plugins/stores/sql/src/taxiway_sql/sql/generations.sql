-- name: add
INSERT INTO generation_rows (id, workspace, api_key, created, cost, detail)
SELECT
    json_extract(column1, '$[1][0]'), json_extract(column1, '$[1][2]'), json_extract(column1, '$[1][3]'),
    json_extract(column1, '$[1][7]'), json_extract(column1, '$[1][12]'), column1
FROM (VALUES (CAST(? AS TEXT)))
WHERE column1 IS NOT NULL
ON CONFLICT (id) DO NOTHING;

-- name: find
SELECT detail FROM generation_rows WHERE id = ? AND workspace = ?;

-- name: spend
SELECT COALESCE(SUM(cost), 0), COUNT(*) FROM generation_rows WHERE api_key = ? AND created >= ?;
