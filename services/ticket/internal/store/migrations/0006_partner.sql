-- +goose Up
-- The tickets of one partner, which is all that its people see.
CREATE INDEX ticket_by_partner ON ticket (brand, partner, open_time, id) WHERE partner <> '';
