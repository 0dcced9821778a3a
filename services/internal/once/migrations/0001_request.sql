-- +goose Up
CREATE TABLE request (
  brand       TEXT   NOT NULL,
  request_id  TEXT   NOT NULL,
  digest      BYTEA  NOT NULL, -- of the method and the body
  response    BYTEA  NOT NULL,
  create_time BIGINT NOT NULL,
  PRIMARY KEY (brand, request_id)
);

CREATE INDEX request_by_age ON request (create_time);
