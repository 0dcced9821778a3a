-- +goose Up

-- What an event is part of, as W3C's traceparent; empty unless somebody records it.
ALTER TABLE outbox ADD COLUMN trace TEXT NOT NULL DEFAULT '';
