-- +goose Up

-- Each of these tables is its key: a response costs two trees less, and a metric
-- reads a stretch of answers one after the other. PostgreSQL keeps its own.
CREATE TABLE clustered_response (
  brand       TEXT    NOT NULL,
  id          TEXT    NOT NULL,
  survey      TEXT    NOT NULL,
  subject     INTEGER NOT NULL,
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
  attributes  TEXT    NOT NULL,
  rated       INTEGER NOT NULL,
  PRIMARY KEY (brand, id)
) WITHOUT ROWID;

INSERT INTO clustered_response (brand, id, survey, subject, customer, invitation, submit_time, create_time, ticket, interaction, touchpoint,
  agent, team, partner, channel, stage, phase, attributes, rated)
SELECT brand, id, survey, subject, customer, invitation, submit_time, create_time, ticket, interaction, touchpoint,
  agent, team, partner, channel, stage, phase, attributes, rated
FROM response ORDER BY brand, id;

DROP TABLE response;
ALTER TABLE clustered_response RENAME TO response;

CREATE UNIQUE INDEX response_by_invitation ON response (brand, survey, invitation) WHERE invitation IS NOT NULL;
CREATE INDEX response_by_time              ON response (brand, submit_time, id);
CREATE INDEX response_by_customer          ON response (brand, customer, submit_time, id) WHERE customer IS NOT NULL;
CREATE INDEX response_by_survey            ON response (brand, survey, submit_time, id);

-- What is long and seldom read comes last.
CREATE TABLE clustered_answer (
  brand       TEXT    NOT NULL,
  submit_time BIGINT  NOT NULL,
  response    TEXT    NOT NULL,
  position    INTEGER NOT NULL,
  subject     INTEGER NOT NULL,
  kind        INTEGER NOT NULL,
  rating      INTEGER,
  channel     INTEGER NOT NULL,
  stage       INTEGER NOT NULL,
  phase       INTEGER NOT NULL,
  survey      TEXT    NOT NULL,
  question    TEXT    NOT NULL,
  definition  TEXT    NOT NULL,
  partner     TEXT    NOT NULL,
  team        TEXT    NOT NULL,
  agent       TEXT    NOT NULL,
  touchpoint  TEXT    NOT NULL,
  words       TEXT,
  PRIMARY KEY (brand, submit_time, response, position)
) WITHOUT ROWID;

INSERT INTO clustered_answer (brand, submit_time, response, position, subject, kind, rating, channel, stage, phase,
  survey, question, definition, partner, team, agent, touchpoint, words)
SELECT brand, submit_time, response, position, subject, kind, rating, channel, stage, phase,
  survey, question, definition, partner, team, agent, touchpoint, words
FROM answer ORDER BY brand, submit_time, response, position;

DROP TABLE answer;
ALTER TABLE clustered_answer RENAME TO answer;
