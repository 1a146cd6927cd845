-- Providers that are down (src/llm/breaker.rs). This is no view of refs but a memory of the last minutes: losing it costs a few calls.
CREATE TABLE breaker (
  provider TEXT NOT NULL,
  address TEXT NOT NULL,
  failures INTEGER NOT NULL,
  since INTEGER,
  PRIMARY KEY (provider, address)
) WITHOUT ROWID;
