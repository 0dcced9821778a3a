-- +goose Up
-- The stamp is another one with each change, so that a mark goes only if nothing has
-- changed since what followed from it was read.
ALTER TABLE customer_stale ADD COLUMN stamp BIGINT NOT NULL DEFAULT 0;
