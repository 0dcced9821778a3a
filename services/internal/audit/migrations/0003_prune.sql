-- +goose Up
-- The last event of a brand that was old enough to go: the chain goes on from it.
ALTER TABLE audit_head ADD COLUMN pruned_sequence BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audit_head ADD COLUMN pruned_hash TEXT NOT NULL DEFAULT '';
