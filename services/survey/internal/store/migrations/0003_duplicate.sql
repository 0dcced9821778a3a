-- +goose Up

-- The invitation that was sent on the occasion of a duplicate; '' for others.
ALTER TABLE invitation ADD COLUMN duplicate_of TEXT NOT NULL DEFAULT '';

-- The few responses that metrics leave out for want of a rating.
CREATE INDEX response_of_words ON response (brand, submit_time) WHERE rated = 0;
