-- +goose Up
-- A row is shown to, changed for and taken from those alone who work for its brand, as
-- concentric.brand says until their transaction ends: a brand, or * for all. Who has said
-- nothing finds nothing. What every brand begins with has no brand and is shown to all.
-- The owner of the tables is not asked.
-- +goose StatementBegin
DO $$
DECLARE
  fenced TEXT;
BEGIN
  FOREACH fenced IN ARRAY ARRAY[
    'touchpoint_definition', 'touchpoint', 'measure', 'resolution', 'customer_link', 'customer_stale',
    'customer_identity', 'sum_layout', 'stage_bucket', 'customer', 'customer_consent', 'journey_map',
    'industry_profile', 'plan_revision', 'scoring_model', 'scoring_model_revision', 'customer_score',
    'score_shard', 'operation', 'signal_rule', 'signal_watch', 'signal_scan', 'signal_mark', 'signal_tally',
    'signal', 'signal_customer', 'plan_reset', 'signal_day'
  ] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', fenced);
    EXECUTE format($policy$CREATE POLICY brand ON %I
      USING (brand = (SELECT NULLIF(current_setting('concentric.brand', TRUE), '')) OR (SELECT current_setting('concentric.brand', TRUE)) = '*')
      WITH CHECK (brand = NULLIF(current_setting('concentric.brand', TRUE), '') OR current_setting('concentric.brand', TRUE) = '*')$policy$, fenced);
  END LOOP;
  FOREACH fenced IN ARRAY ARRAY['touchpoint_definition', 'journey_map', 'industry_profile'] LOOP
    EXECUTE format($policy$CREATE POLICY everyone ON %I FOR SELECT
      USING (brand = '' AND (SELECT current_setting('concentric.brand', TRUE)) <> '')$policy$, fenced);
  END LOOP;
END $$;
-- +goose StatementEnd
