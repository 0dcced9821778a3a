-- +goose Up
ALTER TABLE brand ADD COLUMN update_time BIGINT NOT NULL DEFAULT 0; -- 0 is the create_time
ALTER TABLE brand ADD COLUMN delete_time BIGINT;
ALTER TABLE brand ADD COLUMN version BIGINT NOT NULL DEFAULT 1;

CREATE TABLE api_key (
  brand           TEXT    NOT NULL,
  id              TEXT    NOT NULL,
  create_time     BIGINT  NOT NULL,
  update_time     BIGINT  NOT NULL,
  version         BIGINT  NOT NULL,
  display_name    TEXT    NOT NULL,
  scopes          TEXT    NOT NULL, -- JSON array
  partner         TEXT    NOT NULL, -- '' is none
  customer        TEXT    NOT NULL, -- '' is none
  disabled        INTEGER NOT NULL,
  expire_time     BIGINT,
  hash            TEXT    NOT NULL, -- SHA-256 in hex, as is the previous one
  previous_hash   TEXT    NOT NULL, -- '' is none
  previous_expire BIGINT,
  creator         TEXT    NOT NULL,
  last_use_time   BIGINT,
  PRIMARY KEY (brand, id)
);
