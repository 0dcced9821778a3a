-- +goose Up
CREATE TABLE owner (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  service TEXT    NOT NULL
);
