-- +goose Up
-- A scoring model as it is, and each revision of it. State, back-test and times are those
-- of the revision.
CREATE TABLE scoring_model (
  brand         TEXT NOT NULL,
  id            TEXT NOT NULL,
  create_time   BIGINT           NOT NULL,
  update_time   BIGINT           NOT NULL,
  version       BIGINT           NOT NULL,
  display_name  TEXT             NOT NULL,
  terms         TEXT             NOT NULL,
  revision      BIGINT           NOT NULL,
  state         INTEGER          NOT NULL,
  layout        BIGINT           NOT NULL, -- of sums; -1 until it is known
  backtest      TEXT             NOT NULL, -- JSON, or empty
  activate_time BIGINT,
  retire_time   BIGINT,
  PRIMARY KEY (brand, id)
);
CREATE TABLE scoring_model_revision (
  brand         TEXT NOT NULL,
  id            TEXT NOT NULL,
  create_time   BIGINT           NOT NULL,
  update_time   BIGINT           NOT NULL,
  version       BIGINT           NOT NULL,
  display_name  TEXT             NOT NULL,
  terms         TEXT             NOT NULL,
  revision      BIGINT           NOT NULL,
  state         INTEGER          NOT NULL,
  layout        BIGINT           NOT NULL, -- of sums; -1 until it is known
  backtest      TEXT             NOT NULL, -- JSON, or empty
  activate_time BIGINT,
  retire_time   BIGINT,
  PRIMARY KEY (brand, id, revision)
);

-- One revision of a brand is active at a time.
CREATE UNIQUE INDEX scoring_model_active ON scoring_model_revision (brand) WHERE state = 3;

-- A score as it was stored last: of a customer and of whoever is part of it. Announced is
-- the value that others were last told of.
CREATE TABLE customer_score (
  brand               TEXT NOT NULL,
  id                  TEXT NOT NULL,
  as_of_time          BIGINT           NOT NULL,
  revision            TEXT             NOT NULL,
  value               DOUBLE PRECISION NOT NULL,
  lower               DOUBLE PRECISION NOT NULL,
  upper               DOUBLE PRECISION NOT NULL,
  n                   BIGINT           NOT NULL,
  effective_n         DOUBLE PRECISION NOT NULL,
  quality             INTEGER          NOT NULL,
  service_value       DOUBLE PRECISION NOT NULL,
  service_lower       DOUBLE PRECISION NOT NULL,
  service_upper       DOUBLE PRECISION NOT NULL,
  service_n           BIGINT           NOT NULL,
  service_effective_n DOUBLE PRECISION NOT NULL,
  service_quality     INTEGER          NOT NULL,
  score_change        DOUBLE PRECISION, -- NULL if there was no touchpoint 30 days before
  weakest_stage       INTEGER          NOT NULL,
  announced           DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (brand, id)
);
CREATE INDEX customer_score_value ON customer_score (brand, value, id);
CREATE INDEX customer_score_age ON customer_score (as_of_time);

-- Long pieces of work; what they ask for and find is in bytes of their own.
CREATE TABLE operation (
  brand       TEXT NOT NULL,
  id          TEXT NOT NULL,
  request     BYTEA            NOT NULL,
  done        BIGINT           NOT NULL,
  total       BIGINT           NOT NULL,
  progress    BYTEA            NOT NULL, -- what has been found so far
  result      BYTEA,                     -- NULL until it is finished and unless it succeeded
  code        INTEGER          NOT NULL, -- of the error that ended it, or 0
  create_time BIGINT           NOT NULL,
  end_time    BIGINT,
  lease_time  BIGINT           NOT NULL, -- until when somebody works on it
  PRIMARY KEY (brand, id)
);
CREATE INDEX operation_to_do  ON operation (lease_time) WHERE end_time IS NULL;
CREATE INDEX operation_by_end ON operation (end_time)   WHERE end_time IS NOT NULL;

-- The parts of a recompute that are done, by whichever replica took them.
CREATE TABLE score_shard (
  brand     TEXT NOT NULL,
  operation TEXT NOT NULL,
  shard     INTEGER          NOT NULL,
  customers BIGINT           NOT NULL,
  changed   BIGINT           NOT NULL,
  PRIMARY KEY (brand, operation, shard)
);
