-- +goose Up
-- Long pieces of work.
CREATE TABLE operation (
  brand       TEXT    NOT NULL,
  id          TEXT    NOT NULL,
  request     BYTEA   NOT NULL, -- what it does; never whom it is about
  done        BIGINT  NOT NULL, -- steps
  total       BIGINT  NOT NULL,
  progress    BYTEA   NOT NULL, -- what it is doing
  result      BYTEA,            -- NULL until it is finished and unless it succeeded
  code        INTEGER NOT NULL, -- of the error that ended it, or 0
  create_time BIGINT  NOT NULL,
  end_time    BIGINT,
  lease_time  BIGINT  NOT NULL, -- until when somebody works on it
  PRIMARY KEY (brand, id)
);

CREATE INDEX operation_to_do  ON operation (lease_time) WHERE end_time IS NULL;
CREATE INDEX operation_by_end ON operation (end_time)   WHERE end_time IS NOT NULL;

CREATE TABLE legal_hold (
  brand        TEXT   NOT NULL,
  id           TEXT   NOT NULL,
  create_time  BIGINT NOT NULL,
  update_time  BIGINT NOT NULL,
  version      BIGINT NOT NULL,
  customer     TEXT   NOT NULL,
  reason       TEXT   NOT NULL,
  release_time BIGINT, -- NULL while it holds
  PRIMARY KEY (brand, id)
);

CREATE INDEX legal_hold_by_customer ON legal_hold (brand, customer);

-- The erasures under way, by the operations that work on them, and where they are: round 1
-- forgets, those after it look for what came in the meantime.
CREATE TABLE erasure (
  brand     TEXT    NOT NULL,
  id        TEXT    NOT NULL,
  anonymize INTEGER NOT NULL,
  started   INTEGER NOT NULL, -- 1 once no hold can come any more
  round     INTEGER NOT NULL, -- 0 before it
  place     INTEGER NOT NULL, -- the service whose turn it is
  token     TEXT    NOT NULL, -- to go on with in that service
  found     BIGINT  NOT NULL, -- records in this round
  receipt   BYTEA   NOT NULL, -- as far as it goes
  PRIMARY KEY (brand, id)
);

-- Who is being erased.
CREATE TABLE erasure_subject (
  brand     TEXT NOT NULL,
  customer  TEXT NOT NULL,
  erasure   TEXT NOT NULL,
  pseudonym TEXT NOT NULL,
  PRIMARY KEY (brand, customer)
);

CREATE INDEX erasure_subject_of ON erasure_subject (brand, erasure);

-- What erasures have done, for ever.
CREATE TABLE erasure_receipt (
  brand   TEXT  NOT NULL,
  id      TEXT  NOT NULL,
  receipt BYTEA NOT NULL, -- a message of the contract
  PRIMARY KEY (brand, id)
);

CREATE TABLE export (
  brand       TEXT    NOT NULL,
  id          TEXT    NOT NULL,
  customer    TEXT    NOT NULL,
  customers   TEXT    NOT NULL, -- all that are one with it, a JSON array
  place       INTEGER NOT NULL, -- the service whose turn it is
  counts      BYTEA   NOT NULL, -- as far as it goes
  expire_time BIGINT  NOT NULL,
  PRIMARY KEY (brand, id)
);

CREATE INDEX export_by_age      ON export (expire_time);
CREATE INDEX export_by_customer ON export (brand, customer);

CREATE TABLE export_part (
  brand  TEXT    NOT NULL,
  export TEXT    NOT NULL,
  place  INTEGER NOT NULL,
  number INTEGER NOT NULL,
  sealed TEXT    NOT NULL,
  PRIMARY KEY (brand, export, place, number)
);

-- How long brands want what kept, in microseconds; NULL is for ever.
CREATE TABLE retention_policy (
  brand       TEXT   PRIMARY KEY,
  update_time BIGINT NOT NULL,
  version     BIGINT NOT NULL,
  touchpoints BIGINT,
  free_text   BIGINT,
  answers     BIGINT,
  deliveries  BIGINT,
  due_time    BIGINT NOT NULL -- when the services are told next
);

CREATE INDEX retention_policy_due ON retention_policy (due_time);
