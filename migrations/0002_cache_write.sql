-- What a token costs that is written into a provider's cache.
ALTER TABLE usage ADD COLUMN price_cache_write INTEGER;
DELETE FROM refs;
DELETE FROM turns;
