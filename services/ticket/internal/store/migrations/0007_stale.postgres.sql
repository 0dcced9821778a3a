-- +goose Up

-- The key of marks begins with the day: few rows are between two of a day, whatever is
-- known about the table.
ALTER TABLE rollup_stale DROP CONSTRAINT rollup_stale_pkey, ADD PRIMARY KEY (brand, day, id);
