-- +goose Up
-- Responses that are excluded or superseded, to count them beside those that are measured.
CREATE INDEX response_set_aside ON response (brand, submit_time, state) WHERE state > 2;
