-- +goose NO TRANSACTION
-- +goose Up
-- Responses that are excluded or superseded, to count them beside those that are measured. The
-- index is built part by part, while others write. What an interruption left half-built is
-- dropped first.
DROP INDEX IF EXISTS response_set_aside;
DROP INDEX CONCURRENTLY IF EXISTS response_set_aside_p0;
DROP INDEX CONCURRENTLY IF EXISTS response_set_aside_p1;
DROP INDEX CONCURRENTLY IF EXISTS response_set_aside_p2;
DROP INDEX CONCURRENTLY IF EXISTS response_set_aside_p3;
DROP INDEX CONCURRENTLY IF EXISTS response_set_aside_p4;
DROP INDEX CONCURRENTLY IF EXISTS response_set_aside_p5;
DROP INDEX CONCURRENTLY IF EXISTS response_set_aside_p6;
DROP INDEX CONCURRENTLY IF EXISTS response_set_aside_p7;
DROP INDEX CONCURRENTLY IF EXISTS response_set_aside_p8;
DROP INDEX CONCURRENTLY IF EXISTS response_set_aside_p9;
DROP INDEX CONCURRENTLY IF EXISTS response_set_aside_p10;
DROP INDEX CONCURRENTLY IF EXISTS response_set_aside_p11;
DROP INDEX CONCURRENTLY IF EXISTS response_set_aside_p12;
DROP INDEX CONCURRENTLY IF EXISTS response_set_aside_p13;
DROP INDEX CONCURRENTLY IF EXISTS response_set_aside_p14;
DROP INDEX CONCURRENTLY IF EXISTS response_set_aside_p15;
CREATE INDEX CONCURRENTLY response_set_aside_p0 ON response_p0 (brand, submit_time, state) WHERE state > 2;
CREATE INDEX CONCURRENTLY response_set_aside_p1 ON response_p1 (brand, submit_time, state) WHERE state > 2;
CREATE INDEX CONCURRENTLY response_set_aside_p2 ON response_p2 (brand, submit_time, state) WHERE state > 2;
CREATE INDEX CONCURRENTLY response_set_aside_p3 ON response_p3 (brand, submit_time, state) WHERE state > 2;
CREATE INDEX CONCURRENTLY response_set_aside_p4 ON response_p4 (brand, submit_time, state) WHERE state > 2;
CREATE INDEX CONCURRENTLY response_set_aside_p5 ON response_p5 (brand, submit_time, state) WHERE state > 2;
CREATE INDEX CONCURRENTLY response_set_aside_p6 ON response_p6 (brand, submit_time, state) WHERE state > 2;
CREATE INDEX CONCURRENTLY response_set_aside_p7 ON response_p7 (brand, submit_time, state) WHERE state > 2;
CREATE INDEX CONCURRENTLY response_set_aside_p8 ON response_p8 (brand, submit_time, state) WHERE state > 2;
CREATE INDEX CONCURRENTLY response_set_aside_p9 ON response_p9 (brand, submit_time, state) WHERE state > 2;
CREATE INDEX CONCURRENTLY response_set_aside_p10 ON response_p10 (brand, submit_time, state) WHERE state > 2;
CREATE INDEX CONCURRENTLY response_set_aside_p11 ON response_p11 (brand, submit_time, state) WHERE state > 2;
CREATE INDEX CONCURRENTLY response_set_aside_p12 ON response_p12 (brand, submit_time, state) WHERE state > 2;
CREATE INDEX CONCURRENTLY response_set_aside_p13 ON response_p13 (brand, submit_time, state) WHERE state > 2;
CREATE INDEX CONCURRENTLY response_set_aside_p14 ON response_p14 (brand, submit_time, state) WHERE state > 2;
CREATE INDEX CONCURRENTLY response_set_aside_p15 ON response_p15 (brand, submit_time, state) WHERE state > 2;
CREATE INDEX response_set_aside ON ONLY response (brand, submit_time, state) WHERE state > 2;
ALTER INDEX response_set_aside ATTACH PARTITION response_set_aside_p0;
ALTER INDEX response_set_aside ATTACH PARTITION response_set_aside_p1;
ALTER INDEX response_set_aside ATTACH PARTITION response_set_aside_p2;
ALTER INDEX response_set_aside ATTACH PARTITION response_set_aside_p3;
ALTER INDEX response_set_aside ATTACH PARTITION response_set_aside_p4;
ALTER INDEX response_set_aside ATTACH PARTITION response_set_aside_p5;
ALTER INDEX response_set_aside ATTACH PARTITION response_set_aside_p6;
ALTER INDEX response_set_aside ATTACH PARTITION response_set_aside_p7;
ALTER INDEX response_set_aside ATTACH PARTITION response_set_aside_p8;
ALTER INDEX response_set_aside ATTACH PARTITION response_set_aside_p9;
ALTER INDEX response_set_aside ATTACH PARTITION response_set_aside_p10;
ALTER INDEX response_set_aside ATTACH PARTITION response_set_aside_p11;
ALTER INDEX response_set_aside ATTACH PARTITION response_set_aside_p12;
ALTER INDEX response_set_aside ATTACH PARTITION response_set_aside_p13;
ALTER INDEX response_set_aside ATTACH PARTITION response_set_aside_p14;
ALTER INDEX response_set_aside ATTACH PARTITION response_set_aside_p15;
