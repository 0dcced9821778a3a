-- +goose Up

-- One relay at a time reads the outbox: nothing is leased any longer, and outbox.lease_time
-- stays 0. What is due again is found among what is due.
DROP INDEX outbox_due_again;
