-- +goose Up

-- What tells a feedback that comes again from another of the same id: SHA-256 of what was
-- given, in hex. What metrics count of it, packed into one number, and its compound in
-- units of 1/10,000.
ALTER TABLE feedback ADD COLUMN digest   TEXT   NOT NULL DEFAULT '';
ALTER TABLE feedback ADD COLUMN measured BIGINT NOT NULL DEFAULT 0;
ALTER TABLE feedback ADD COLUMN score    INTEGER;

-- All that metrics read, so that they need not look at the words.
CREATE INDEX feedback_measured ON feedback (brand, event_time, measured, score, public_reach, solicitation, source, label, channel, stage, language, cluster);
CREATE INDEX feedback_closed   ON feedback (brand, event_time) WHERE action_status = 2;

-- The customer and the ticket go by their ids in filters.
CREATE INDEX feedback_by_customer_id ON feedback (brand, substr(customer, 11), event_time, id);
CREATE INDEX feedback_by_ticket_id   ON feedback (brand, substr(ticket, 9), event_time, id);
