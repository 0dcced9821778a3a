-- +goose Up
-- Schedules and policies as they are, and every revision they ever had: those stay
-- when the schedule or the policy is deleted, as the clocks of tickets rest on them.
CREATE TABLE schedule (
  brand        TEXT   NOT NULL,
  id           TEXT   NOT NULL,
  display_name TEXT   NOT NULL,
  time_zone    TEXT   NOT NULL,
  week         TEXT   NOT NULL, -- a JSON array
  exceptions   TEXT   NOT NULL, -- a JSON array, or nothing
  revision     BIGINT NOT NULL, -- of the hours
  create_time  BIGINT NOT NULL,
  update_time  BIGINT NOT NULL,
  version      BIGINT NOT NULL,
  PRIMARY KEY (brand, id)
);

-- The hours of a revision count from its update_time; those of the first one count
-- before it, too.
CREATE TABLE schedule_revision (
  brand        TEXT   NOT NULL,
  id           TEXT   NOT NULL,
  display_name TEXT   NOT NULL,
  time_zone    TEXT   NOT NULL,
  week         TEXT   NOT NULL,
  exceptions   TEXT   NOT NULL,
  revision     BIGINT NOT NULL,
  create_time  BIGINT NOT NULL,
  update_time  BIGINT NOT NULL,
  version      BIGINT NOT NULL,
  PRIMARY KEY (brand, id, revision)
);

CREATE TABLE sla_policy (
  brand                  TEXT    NOT NULL,
  id                     TEXT    NOT NULL,
  display_name           TEXT    NOT NULL,
  position               INTEGER NOT NULL,
  inactive               INTEGER NOT NULL,
  conditions             TEXT    NOT NULL, -- a JSON object, or nothing
  targets                TEXT    NOT NULL, -- a JSON array
  schedule               TEXT    NOT NULL, -- '' if all time counts
  bot_counts             INTEGER NOT NULL,
  note_counts            INTEGER NOT NULL,
  automatic_acknowledges INTEGER NOT NULL,
  revision               BIGINT  NOT NULL,
  create_time            BIGINT  NOT NULL,
  update_time            BIGINT  NOT NULL,
  version                BIGINT  NOT NULL,
  PRIMARY KEY (brand, id)
);

CREATE INDEX sla_policy_by_schedule ON sla_policy (brand, schedule) WHERE schedule <> '';

CREATE TABLE sla_policy_revision (
  brand                  TEXT    NOT NULL,
  id                     TEXT    NOT NULL,
  display_name           TEXT    NOT NULL,
  position               INTEGER NOT NULL,
  inactive               INTEGER NOT NULL,
  conditions             TEXT    NOT NULL,
  targets                TEXT    NOT NULL,
  schedule               TEXT    NOT NULL,
  bot_counts             INTEGER NOT NULL,
  note_counts            INTEGER NOT NULL,
  automatic_acknowledges INTEGER NOT NULL,
  revision               BIGINT  NOT NULL,
  create_time            BIGINT  NOT NULL,
  update_time            BIGINT  NOT NULL,
  version                BIGINT  NOT NULL,
  PRIMARY KEY (brand, id, revision)
);

-- The clocks of tickets as they stood when their tickets or their timers last moved.
-- A clock with a stop_time is decided: kept if elapsed <= target, unless its state is
-- 6, cancelled. One without is missed if it has a breach_time, and undecided if it
-- has none. Lengths are nanoseconds.
CREATE TABLE sla_instance (
  brand           TEXT    NOT NULL,
  ticket          TEXT    NOT NULL,
  metric          INTEGER NOT NULL,
  episode         INTEGER NOT NULL,
  policy          TEXT    NOT NULL,
  policy_revision BIGINT  NOT NULL,
  target          BIGINT  NOT NULL,
  business        INTEGER NOT NULL, -- 1 if only the hours of a schedule count
  start_time      BIGINT  NOT NULL,
  stop_time       BIGINT,
  state           INTEGER NOT NULL,
  elapsed         BIGINT,           -- NULL without a stop_time
  due_time        BIGINT,
  warn_time       BIGINT,           -- NULL unless it has warned
  breach_time     BIGINT,           -- NULL unless the target was exceeded
  PRIMARY KEY (brand, ticket, metric, episode)
);

-- The tickets whose clocks can still move by themselves, and when one next does.
CREATE TABLE sla_timer (
  brand     TEXT   NOT NULL,
  ticket    TEXT   NOT NULL,
  schedule  TEXT   NOT NULL, -- whose change moves them; '' for none
  wake_time BIGINT,          -- NULL while they stand still
  PRIMARY KEY (brand, ticket)
);

CREATE INDEX sla_timer_by_time     ON sla_timer (wake_time)               WHERE wake_time IS NOT NULL;
CREATE INDEX sla_timer_by_schedule ON sla_timer (brand, schedule, ticket) WHERE schedule <> '';

-- Changes of hours whose tickets have not all been told.
CREATE TABLE sla_change (
  id       TEXT   NOT NULL PRIMARY KEY,
  brand    TEXT   NOT NULL,
  schedule TEXT   NOT NULL,
  after    TEXT   NOT NULL, -- the last ticket that has been told, in order
  due_time BIGINT NOT NULL
);

CREATE TABLE operation (
  brand       TEXT   NOT NULL,
  id          TEXT   NOT NULL,
  request     BYTEA  NOT NULL,
  done        BIGINT NOT NULL, -- tickets
  total       BIGINT NOT NULL,
  progress    BYTEA  NOT NULL, -- what has been found so far
  result      BYTEA,           -- NULL until it is finished and unless it succeeded
  code        INTEGER NOT NULL, -- of the error that ended it, or 0
  create_time BIGINT NOT NULL,
  end_time    BIGINT,
  lease_time  BIGINT NOT NULL, -- until when somebody works on it
  PRIMARY KEY (brand, id)
);

CREATE INDEX operation_to_do  ON operation (lease_time) WHERE end_time IS NULL;
CREATE INDEX operation_by_end ON operation (end_time)   WHERE end_time IS NOT NULL;
