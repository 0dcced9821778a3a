-- +goose Up

CREATE TABLE signal_rule (
  brand          TEXT    NOT NULL,
  id             TEXT    NOT NULL,
  create_time    BIGINT  NOT NULL,
  update_time    BIGINT  NOT NULL,
  version        BIGINT  NOT NULL,
  display_name   TEXT    NOT NULL,
  inactive       INTEGER NOT NULL,
  function_owner INTEGER NOT NULL, -- 0 is that of the definition
  detail         TEXT    NOT NULL, -- JSON
  expire_after   BIGINT  NOT NULL, -- microseconds
  PRIMARY KEY (brand, id)
);

-- How far back from now the rules of a brand look, in microseconds. What is recorded
-- there leaves a mark.
CREATE TABLE signal_watch (
  brand TEXT   NOT NULL PRIMARY KEY,
  back  BIGINT NOT NULL
);

-- How far the rules have been followed. The row of rule '' is that of the brand: its
-- time is until when somebody has taken it on.
CREATE TABLE signal_scan (
  brand   TEXT   NOT NULL,
  rule    TEXT   NOT NULL,
  version BIGINT NOT NULL, -- of the rule whose past is known
  at      BIGINT NOT NULL, -- when that was made sure
  swept   BIGINT NOT NULL, -- when what only the clock brings about was looked for
  PRIMARY KEY (brand, rule)
);

-- The hours since 1970 whose tallies are out of date. The stamp is another one with
-- each change.
CREATE TABLE signal_mark (
  brand TEXT   NOT NULL,
  hour  BIGINT NOT NULL,
  stamp BIGINT NOT NULL,
  PRIMARY KEY (brand, hour)
);

-- How the touchpoints of an hour went: those whose expectation is known and was UNMET,
-- and those that went well or failed and failed.
CREATE TABLE signal_tally (
  brand      TEXT   NOT NULL,
  hour       BIGINT NOT NULL,
  definition TEXT   NOT NULL,
  known      BIGINT NOT NULL,
  unmet      BIGINT NOT NULL,
  judged     BIGINT NOT NULL,
  failed     BIGINT NOT NULL,
  PRIMARY KEY (brand, hour, definition)
);

-- One of definition, customer and segment is not empty.
CREATE TABLE signal (
  brand            TEXT    NOT NULL,
  id               TEXT    NOT NULL,
  create_time      BIGINT  NOT NULL,
  update_time      BIGINT  NOT NULL,
  version          BIGINT  NOT NULL,
  signal_rule      TEXT    NOT NULL,
  kind             INTEGER NOT NULL,
  state            INTEGER NOT NULL,
  function_owner   INTEGER NOT NULL,
  definition       TEXT    NOT NULL,
  customer         TEXT    NOT NULL,
  segment          TEXT    NOT NULL,
  start_time       BIGINT  NOT NULL,
  end_time         BIGINT  NOT NULL,
  finding          TEXT    NOT NULL, -- JSON
  acknowledge_time BIGINT,
  act_time         BIGINT,
  close_time       BIGINT,
  expire_time      BIGINT  NOT NULL,
  action           TEXT    NOT NULL, -- JSON; '' is none
  close_note       TEXT    NOT NULL,
  affected_count   BIGINT  NOT NULL,
  silent_count     BIGINT  NOT NULL,
  reached_count    BIGINT  NOT NULL,
  evaluate_time    BIGINT  NOT NULL,
  refresh_time     BIGINT, -- NULL once it is closed
  PRIMARY KEY (brand, id)
);
CREATE INDEX signal_by_time ON signal (brand, create_time);
CREATE INDEX signal_to_refresh ON signal (refresh_time) WHERE refresh_time IS NOT NULL;
CREATE INDEX signal_to_expire ON signal (expire_time) WHERE state IN (1, 2);

-- The customers whose score fell, and since when. Those of other signals follow from
-- their touchpoints.
CREATE TABLE signal_customer (
  brand      TEXT   NOT NULL,
  signal     TEXT   NOT NULL,
  customer   TEXT   NOT NULL,
  event_time BIGINT NOT NULL,
  PRIMARY KEY (brand, signal, customer)
);
