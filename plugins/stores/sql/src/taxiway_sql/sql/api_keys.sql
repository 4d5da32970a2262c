-- name: find
SELECT id, hash, name, label, created, workspace, disabled FROM api_keys WHERE hash = ?;

-- name: list
SELECT id, hash, name, label, created, workspace, disabled FROM api_keys ORDER BY created, id;

-- name: list_of_workspace
SELECT id, hash, name, label, created, workspace, disabled FROM api_keys WHERE workspace = ? ORDER BY created, id;

-- name: add
INSERT INTO api_keys (id, hash, name, label, created, workspace, disabled) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: disable
UPDATE api_keys SET disabled = 1 WHERE id = ?;
