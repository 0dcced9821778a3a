-- +goose Up
-- The tallies of the hours of a day, UTC, since 1970, added up.
CREATE TABLE signal_day (
  brand      TEXT   NOT NULL,
  day        BIGINT NOT NULL,
  definition TEXT   NOT NULL,
  known      BIGINT NOT NULL,
  unmet      BIGINT NOT NULL,
  judged     BIGINT NOT NULL,
  failed     BIGINT NOT NULL,
  PRIMARY KEY (brand, day, definition)
);
INSERT INTO signal_day (brand, day, definition, known, unmet, judged, failed)
SELECT brand, hour / 24, definition, SUM(known), SUM(unmet), SUM(judged), SUM(failed) FROM signal_tally
GROUP BY brand, hour / 24, definition;

-- Closed signals are forgotten after a while.
CREATE INDEX signal_by_close ON signal (close_time) WHERE close_time IS NOT NULL;
