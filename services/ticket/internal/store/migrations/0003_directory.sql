-- +goose Up
CREATE TABLE partner (
  brand        TEXT    NOT NULL,
  id           TEXT    NOT NULL,
  display_name TEXT    NOT NULL,
  inactive     INTEGER NOT NULL,
  create_time  BIGINT  NOT NULL,
  update_time  BIGINT  NOT NULL,
  version      BIGINT  NOT NULL,
  PRIMARY KEY (brand, id)
);

CREATE TABLE team (
  brand        TEXT    NOT NULL,
  id           TEXT    NOT NULL,
  display_name TEXT    NOT NULL,
  partner      TEXT    NOT NULL,
  head         TEXT    NOT NULL,
  inactive     INTEGER NOT NULL,
  create_time  BIGINT  NOT NULL,
  update_time  BIGINT  NOT NULL,
  version      BIGINT  NOT NULL,
  PRIMARY KEY (brand, id)
);

CREATE INDEX team_by_partner ON team (brand, partner) WHERE partner <> '';

CREATE TABLE agent (
  brand        TEXT    NOT NULL,
  id           TEXT    NOT NULL,
  display_name TEXT    NOT NULL,
  team         TEXT    NOT NULL,
  partner      TEXT    NOT NULL,
  inactive     INTEGER NOT NULL,
  create_time  BIGINT  NOT NULL,
  update_time  BIGINT  NOT NULL,
  version      BIGINT  NOT NULL,
  PRIMARY KEY (brand, id)
);

CREATE INDEX agent_by_team    ON agent (brand, team)    WHERE team <> '';
CREATE INDEX agent_by_partner ON agent (brand, partner) WHERE partner <> '';

CREATE TABLE issue_type (
  brand         TEXT    NOT NULL,
  id            TEXT    NOT NULL,
  display_name  TEXT    NOT NULL,
  issue_kind    INTEGER NOT NULL,
  stage         INTEGER NOT NULL,
  phase         INTEGER NOT NULL,
  priority      INTEGER NOT NULL,
  redress_steps TEXT    NOT NULL, -- a JSON array, or nothing
  create_time   BIGINT  NOT NULL,
  update_time   BIGINT  NOT NULL,
  version       BIGINT  NOT NULL,
  PRIMARY KEY (brand, id)
);

-- The count of its tickets is read from the tickets.
CREATE TABLE problem (
  brand          TEXT    NOT NULL,
  id             TEXT    NOT NULL,
  title          TEXT    NOT NULL,
  root_cause     TEXT    NOT NULL,
  state          INTEGER NOT NULL,
  function_owner INTEGER NOT NULL,
  create_time    BIGINT  NOT NULL,
  update_time    BIGINT  NOT NULL,
  version        BIGINT  NOT NULL,
  PRIMARY KEY (brand, id)
);

CREATE TABLE self_service_session (
  brand       TEXT    NOT NULL,
  id          TEXT    NOT NULL,
  customer    TEXT    NOT NULL, -- '' if nobody knows
  kind        INTEGER NOT NULL,
  channel     INTEGER NOT NULL,
  issue_kind  INTEGER NOT NULL,
  stage       INTEGER NOT NULL,
  phase       INTEGER NOT NULL,
  start_time  BIGINT  NOT NULL,
  end_time    BIGINT  NOT NULL,
  verdict     INTEGER NOT NULL,
  articles    TEXT    NOT NULL, -- a JSON array, or nothing
  create_time BIGINT  NOT NULL,
  update_time BIGINT  NOT NULL,
  version     BIGINT  NOT NULL,
  PRIMARY KEY (brand, id)
);

CREATE INDEX self_service_session_by_time     ON self_service_session (brand, start_time, id);
CREATE INDEX self_service_session_by_customer ON self_service_session (brand, customer, start_time, id);
