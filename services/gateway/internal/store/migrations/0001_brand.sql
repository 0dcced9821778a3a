-- +goose Up
CREATE TABLE brand (
  id           TEXT   PRIMARY KEY,
  display_name TEXT   NOT NULL,
  create_time  BIGINT NOT NULL
);
