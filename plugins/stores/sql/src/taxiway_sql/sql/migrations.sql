-- name: create
CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied DOUBLE PRECISION NOT NULL
);

-- name: list
SELECT number, name, checksum FROM migrations ORDER BY number;

-- name: add
INSERT INTO migrations (number, name, checksum, applied) VALUES (?, ?, ?, ?);
