"""The test harness: builds, traces, compares and explains; standard library only."""
