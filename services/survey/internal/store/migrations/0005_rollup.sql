-- +goose Up

-- What metrics add up: 1 is answers by the time of their response, 2 is decisions on
-- invitations by theirs. Days are counted from 1970 in UTC. The bytes are those of
-- package rollup; whoever changes their form empties these tables, but for
-- rollup_stale, in a migration.

-- How far the days of a brand are rolled up. Whoever rolls up raises version, so that
-- of two who do so at once one gives up.
CREATE TABLE rollup_head (
  brand   TEXT    NOT NULL,
  source  INTEGER NOT NULL,
  through BIGINT  NOT NULL, -- the first day that was not
  version BIGINT  NOT NULL,
  PRIMARY KEY (brand, source)
);

-- The observations of a day, as they were when it was rolled up.
CREATE TABLE rollup_day (
  brand  TEXT    NOT NULL,
  source INTEGER NOT NULL,
  day    BIGINT  NOT NULL,
  page   BYTEA   NOT NULL,
  PRIMARY KEY (brand, source, day)
);

CREATE TABLE rollup_month (
  brand  TEXT    NOT NULL,
  source INTEGER NOT NULL,
  family INTEGER NOT NULL,
  month  BIGINT  NOT NULL,
  cells  BYTEA   NOT NULL,
  PRIMARY KEY (brand, source, family, month)
);

-- Days whose observations have changed since. Rows are added and deleted, never
-- updated, so that nobody who writes waits for another. The key begins with the day:
-- few rows are between two of a day, whatever is known about the table.
CREATE TABLE rollup_stale (
  brand  TEXT    NOT NULL,
  source INTEGER NOT NULL,
  day    BIGINT  NOT NULL,
  id     TEXT    NOT NULL,
  PRIMARY KEY (brand, source, day, id)
);
