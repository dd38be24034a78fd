"""What every feature stands on: database, errors, jobs, events, storage, security, telemetry. It knows no domain."""
