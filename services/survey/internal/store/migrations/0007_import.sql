-- +goose Up

-- What tells an imported row from another of the same id; '' for one that was not
-- imported.
ALTER TABLE response ADD COLUMN import_digest TEXT NOT NULL DEFAULT '';
