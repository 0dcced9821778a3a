-- +goose Up

-- The key of marks begins with the day: few rows are between two of a day, whatever is
-- known about the table.
CREATE TABLE rollup_stale_by_day (
  brand     TEXT   NOT NULL,
  id        TEXT   NOT NULL,
  day       BIGINT NOT NULL,
  mark_time BIGINT NOT NULL,
  PRIMARY KEY (brand, day, id)
) WITHOUT ROWID;
INSERT INTO rollup_stale_by_day (brand, id, day, mark_time) SELECT brand, id, day, mark_time FROM rollup_stale;
DROP TABLE rollup_stale;
ALTER TABLE rollup_stale_by_day RENAME TO rollup_stale;
