-- +goose Up
CREATE TABLE survey (
  brand         TEXT             NOT NULL,
  id            TEXT             NOT NULL,
  display_name  TEXT             NOT NULL,
  subject       INTEGER          NOT NULL,
  scope         INTEGER          NOT NULL,
  questions     TEXT             NOT NULL, -- JSON, in the order they are asked
  sampling_rate DOUBLE PRECISION NOT NULL,
  quiet_period  BIGINT           NOT NULL, -- microseconds
  channels      TEXT             NOT NULL, -- JSON; [] is all
  state         INTEGER          NOT NULL,
  create_time   BIGINT           NOT NULL,
  version       BIGINT           NOT NULL,
  PRIMARY KEY (brand, id)
);

-- One row a customer, locked while it is decided whether to ask them.
CREATE TABLE contact (
  brand    TEXT NOT NULL,
  customer TEXT NOT NULL,
  PRIMARY KEY (brand, customer)
);

CREATE TABLE invitation (
  brand       TEXT    NOT NULL,
  survey      TEXT    NOT NULL,
  id          TEXT    NOT NULL,
  subject     INTEGER NOT NULL, -- the survey's
  customer    TEXT    NOT NULL,
  interaction TEXT    NOT NULL, -- within the brand; '' for none
  occasion    TEXT    NOT NULL,
  channel     INTEGER NOT NULL,
  decision    INTEGER NOT NULL,
  decide_time BIGINT  NOT NULL,
  quiet_until BIGINT  NOT NULL, -- until when this decision, or the one that prevailed, silences the brand; 0 for never
  PRIMARY KEY (brand, survey, id)
);

CREATE UNIQUE INDEX invitation_sent_once ON invitation (brand, customer, survey, occasion) WHERE decision = 1;
CREATE INDEX invitation_sent_at          ON invitation (brand, decide_time) WHERE decision = 1;

-- References are kept without their brand; '' is none, but for customer and
-- invitation, where it is NULL.
CREATE TABLE response (
  brand       TEXT    NOT NULL,
  id          TEXT    NOT NULL,
  survey      TEXT    NOT NULL,
  subject     INTEGER NOT NULL, -- the survey's
  customer    TEXT,
  invitation  TEXT,
  submit_time BIGINT  NOT NULL,
  create_time BIGINT  NOT NULL,
  ticket      TEXT    NOT NULL,
  interaction TEXT    NOT NULL,
  touchpoint  TEXT    NOT NULL,
  agent       TEXT    NOT NULL,
  team        TEXT    NOT NULL,
  partner     TEXT    NOT NULL,
  channel     INTEGER NOT NULL,
  stage       INTEGER NOT NULL,
  phase       INTEGER NOT NULL,
  attributes  TEXT    NOT NULL, -- JSON, keys sorted, values in NFC
  rated       INTEGER NOT NULL, -- 1 if there is a rating among the answers
  PRIMARY KEY (brand, id)
);

CREATE UNIQUE INDEX response_by_invitation ON response (brand, survey, invitation) WHERE invitation IS NOT NULL;
CREATE INDEX response_by_time              ON response (brand, submit_time, id);
CREATE INDEX response_by_customer          ON response (brand, customer, submit_time, id) WHERE customer IS NOT NULL;
CREATE INDEX response_by_survey            ON response (brand, survey, submit_time, id);

-- An answer repeats what a response is grouped and filtered by, so that a metric
-- reads this table alone.
CREATE TABLE answer (
  brand       TEXT    NOT NULL,
  submit_time BIGINT  NOT NULL,
  response    TEXT    NOT NULL,
  position    INTEGER NOT NULL,
  survey      TEXT    NOT NULL,
  subject     INTEGER NOT NULL,
  question    TEXT    NOT NULL,
  kind        INTEGER NOT NULL,
  rating      INTEGER, -- NULL for words
  words       TEXT,    -- NULL for a rating
  touchpoint  TEXT    NOT NULL,
  definition  TEXT    NOT NULL, -- the touchpoint definition the question rates
  channel     INTEGER NOT NULL,
  stage       INTEGER NOT NULL,
  phase       INTEGER NOT NULL,
  partner     TEXT    NOT NULL,
  team        TEXT    NOT NULL,
  agent       TEXT    NOT NULL,
  PRIMARY KEY (brand, submit_time, response, position)
);
