-- +goose Up
-- The same as since of UUIDs, of ids of events that are ULIDs.
ALTER TABLE event_key ADD COLUMN ulids_since BIGINT NOT NULL DEFAULT 0;
UPDATE event_key SET ulids_since = (EXTRACT(EPOCH FROM now())::BIGINT + 86400) * 1000
WHERE since > 0 OR EXISTS (SELECT 1 FROM touchpoint) OR NOT EXISTS (
  SELECT 1 FROM journey_migration WHERE version_id = 22 AND tstamp > LOCALTIMESTAMP - INTERVAL '1 minute');
