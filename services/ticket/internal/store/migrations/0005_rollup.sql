-- +goose Up
-- Tickets added up, to be measured without reading them. Days and months count from
-- 1970 in UTC. The bytes are those of package rollup; whoever changes their form
-- empties these tables, but for rollup_stale, in a migration.

-- How far the days of a brand are rolled up. Whoever rolls up raises version, so that
-- of two who do so at once one gives up.
CREATE TABLE rollup_head (
  brand   TEXT   NOT NULL PRIMARY KEY,
  through BIGINT NOT NULL, -- the first day that was not
  version BIGINT NOT NULL
);

-- The tickets opened on a day, as they were when it was rolled up.
CREATE TABLE rollup_day (
  brand TEXT   NOT NULL,
  day   BIGINT NOT NULL,
  due   BIGINT NOT NULL, -- when one of them changes by time alone, or the greatest BIGINT
  page  BYTEA  NOT NULL,
  PRIMARY KEY (brand, day)
);

CREATE INDEX rollup_day_by_due ON rollup_day (brand, due) WHERE due < 9223372036854775807;

CREATE TABLE rollup_month (
  brand  TEXT    NOT NULL,
  family INTEGER NOT NULL,
  month  BIGINT  NOT NULL,
  cells  BYTEA   NOT NULL,
  PRIMARY KEY (brand, family, month)
);

-- When tickets entered and left the backlog, by the day of that.
CREATE TABLE rollup_flow_day (
  brand TEXT   NOT NULL,
  day   BIGINT NOT NULL,
  page  BYTEA  NOT NULL,
  PRIMARY KEY (brand, day)
);

CREATE TABLE rollup_flow_month (
  brand  TEXT    NOT NULL,
  family INTEGER NOT NULL,
  month  BIGINT  NOT NULL,
  cells  BYTEA   NOT NULL,
  PRIMARY KEY (brand, family, month)
);

-- Days whose tickets have changed since. Rows are added and deleted, never updated,
-- so that nobody who writes tickets waits for another.
CREATE TABLE rollup_stale (
  brand     TEXT   NOT NULL,
  id        TEXT   NOT NULL,
  day       BIGINT NOT NULL,
  mark_time BIGINT NOT NULL,
  PRIMARY KEY (brand, id)
);

-- Whose earlier resolutions a ticket from the past takes back.
CREATE INDEX ticket_by_customer_resolution ON ticket (brand, customer, resolve_time) WHERE resolve_time IS NOT NULL;
