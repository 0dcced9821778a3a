-- +goose Up
-- From when on an event whose id begins with its time, in milliseconds since 1970, gives a
-- touchpoint an id that does so as well. Where there may be touchpoints already it is a day
-- ahead, so that a replica of the release before and one of this make the same of an event
-- while both are there; where the other migrations have only just been, it is always.
CREATE TABLE event_key (since BIGINT NOT NULL);
INSERT INTO event_key (since) SELECT CASE
  WHEN EXISTS (SELECT 1 FROM touchpoint) OR NOT EXISTS (
    SELECT 1 FROM journey_migration WHERE version_id = 21 AND tstamp > LOCALTIMESTAMP - INTERVAL '1 minute')
  THEN (EXTRACT(EPOCH FROM now())::BIGINT + 86400) * 1000 ELSE 0 END;
