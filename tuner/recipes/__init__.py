"""Tasks of a special form: series, language, sequences; the best model without a target."""
