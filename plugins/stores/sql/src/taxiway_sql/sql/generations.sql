-- name: add
INSERT INTO generations (
    id, workspace, api_key, created, operation, requested, model, provider, endpoint, state, cost, estimated, is_byok,
    latency, duration, prompt_tokens, completion_tokens, reasoning_tokens, cached_tokens, detail
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING;

-- name: find
SELECT detail FROM generations WHERE id = ? AND workspace = ?;

-- name: spend
SELECT COALESCE(SUM(cost), 0), COUNT(*) FROM generations WHERE api_key = ? AND created >= ?;
