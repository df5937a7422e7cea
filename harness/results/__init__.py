"""What a finished or half-finished run says: tables, comparisons, verdicts."""
