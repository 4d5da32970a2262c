-- name: list
SELECT id, name, created FROM workspaces ORDER BY created, id;

-- name: add
INSERT INTO workspaces (id, name, created) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING;
