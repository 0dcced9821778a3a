-- +goose Up
CREATE TABLE target (
  brand       TEXT             NOT NULL,
  id          TEXT             NOT NULL,
  create_time BIGINT           NOT NULL,
  update_time BIGINT           NOT NULL,
  version     BIGINT           NOT NULL,
  metric      INTEGER          NOT NULL,
  subject     INTEGER          NOT NULL, -- 0 is any
  direction   INTEGER          NOT NULL,
  goal        DOUBLE PRECISION NOT NULL,
  alarm       DOUBLE PRECISION,          -- NULL is none
  description TEXT             NOT NULL,
  PRIMARY KEY (brand, id)
);
