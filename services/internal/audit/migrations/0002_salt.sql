-- +goose Up
-- The chain is over the digest of the salt and the resource: both can go when a customer is
-- erased. Events of before have neither, and their chain is over the resource.
ALTER TABLE audit_event ADD COLUMN salt   TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_event ADD COLUMN digest TEXT NOT NULL DEFAULT '';
